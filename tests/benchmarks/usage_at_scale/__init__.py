"""How long roll-ups and pages take over many events."""
