from usage.models.cache_entry import CacheEntry
from usage.models.event import UsageEvent
from usage.models.rollup import DailyUsage, HourlyUsage, TouchedHour

__all__ = ["CacheEntry", "DailyUsage", "HourlyUsage", "TouchedHour", "UsageEvent"]
