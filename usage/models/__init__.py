from usage.models.event import UsageEvent
from usage.models.rollup import DailyUsage, HourlyUsage, TouchedHour

__all__ = ["DailyUsage", "HourlyUsage", "TouchedHour", "UsageEvent"]
