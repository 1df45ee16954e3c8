"""The operator's pages for what was used and what it cost."""

from usage.admin import budgets, cache_entries, captures, events, notifications, rollups

__all__ = ["budgets", "cache_entries", "captures", "events", "notifications", "rollups"]
