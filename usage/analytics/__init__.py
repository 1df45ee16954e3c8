"""Questions about usage, answered from its sums."""
