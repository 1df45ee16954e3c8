from usage.models.alert import Alert, AlertKind, AlertRule, AlertSilence
from usage.models.budget_window import BudgetLease, BudgetWarning, BudgetWindow
from usage.models.cache_entry import CacheEntry
from usage.models.captured_text import CapturedText, CaptureView
from usage.models.end_user_usage import EndUserTotal, EndUserUsage, OpenDay
from usage.models.event import UsageEvent
from usage.models.feedback import Feedback
from usage.models.idempotent_answer import IdempotentAnswer
from usage.models.notification import (
    Delivery,
    Notification,
    NotificationChannel,
    Topic,
)
from usage.models.price_book import PriceProposal, Rerating
from usage.models.report import ReportDefinition, ReportRun, Section
from usage.models.rollup import (
    DailyShare,
    DailyTotal,
    DailyUsage,
    HourlyShare,
    HourlyTotal,
    HourlyUsage,
    SplitHour,
    TouchedHour,
)

__all__ = [
    "Alert",
    "AlertKind",
    "AlertRule",
    "AlertSilence",
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
    "EndUserTotal",
    "EndUserUsage",
    "Feedback",
    "HourlyShare",
    "HourlyTotal",
    "HourlyUsage",
    "IdempotentAnswer",
    "Notification",
    "NotificationChannel",
    "OpenDay",
    "PriceProposal",
    "ReportDefinition",
    "ReportRun",
    "Rerating",
    "Section",
    "SplitHour",
    "Topic",
    "TouchedHour",
    "UsageEvent",
]
