"""The operator's pages for what was used and what it cost."""

from usage.admin import (
    alerts,
    budgets,
    cache_entries,
    captures,
    events,
    feedback,
    idempotent_answers,
    notifications,
    price_book,
    reports,
    rollups,
)

__all__ = [
    "alerts",
    "budgets",
    "cache_entries",
    "captures",
    "events",
    "feedback",
    "idempotent_answers",
    "notifications",
    "price_book",
    "reports",
    "rollups",
]
