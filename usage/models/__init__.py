from usage.models.budget_window import BudgetLease, BudgetWarning, BudgetWindow
from usage.models.cache_entry import CacheEntry
from usage.models.captured_text import CapturedText, CaptureView
from usage.models.event import UsageEvent
from usage.models.idempotent_answer import IdempotentAnswer
from usage.models.notification import (
    Delivery,
    Notification,
    NotificationChannel,
    Topic,
)
from usage.models.rollup import (
    DailyShare,
    DailyTotal,
    DailyUsage,
    EndUserUsage,
    HourlyShare,
    HourlyTotal,
    HourlyUsage,
    SplitHour,
    TouchedHour,
)

__all__ = [
    "BudgetLease",
    "BudgetWarning",
    "BudgetWindow",
    "CacheEntry",
    "CaptureView",
    "CapturedText",
    "DailyShare",
    "DailyTotal",
    "DailyUsage",
    "Delivery",
    "EndUserUsage",
    "HourlyShare",
    "HourlyTotal",
    "HourlyUsage",
    "IdempotentAnswer",
    "Notification",
    "NotificationChannel",
    "SplitHour",
    "Topic",
    "TouchedHour",
    "UsageEvent",
]
