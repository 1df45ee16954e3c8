"""Care of the price book: what a newer source says, and what the past would have cost."""
