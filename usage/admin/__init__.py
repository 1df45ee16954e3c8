"""The operator's pages for what was used and what it cost."""

from usage.admin import cache_entries, events, rollups

__all__ = ["cache_entries", "events", "rollups"]
