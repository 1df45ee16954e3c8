"""What is told to an OpenTelemetry collector, and the traces that pass through."""
