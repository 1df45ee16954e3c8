"""Calls to providers: where they go, who signs them, and what comes back."""
