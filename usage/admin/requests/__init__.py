"""The page of one request: its attempts, its route, and what it cost."""
