"""Days of events (UTC): where they begin, what holds them, how long they are kept."""

from datetime import UTC, date, datetime, timedelta

from django.conf import settings

EVENTS = "usage_usageevent"


def today() -> date:
    return datetime.now(UTC).date()


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def end_of(day: date) -> datetime:
    return start_of(day + timedelta(days=1))


def partition_of(day: date) -> str:
    return f"{EVENTS}_p{day:%Y%m%d}"


def first_kept() -> date | None:
    """Return the oldest day whose events are kept, or None when all are."""
    days = settings.EVENT_RETENTION_DAYS
    return today() - timedelta(days=days) if days > 0 else None


def is_expired(day: date) -> bool:
    oldest = first_kept()
    return oldest is not None and day < oldest
