"""The operator's pages for what was used and what it cost."""

from usage.admin import events, rollups

__all__ = ["events", "rollups"]
