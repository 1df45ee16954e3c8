"""Reports that are drawn up by themselves: each period once, rendered, sent and kept."""
