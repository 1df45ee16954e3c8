"""What Celery beat does by itself, as rows that an operator may edit."""

from dataclasses import dataclass

from django.db import connections
from django_celery_beat.models import IntervalSchedule, PeriodicTask


@dataclass(frozen=True, slots=True)
class Entry:
    task: str
    name: str
    every: int
    period: str
    expire_seconds: int


ENTRIES = [
    Entry("usage.roll_up", "Roll up usage", 30, IntervalSchedule.SECONDS, 30),
    Entry(
        "usage.adopt_spools",
        "Ship the spools of dead processes",
        30,
        IntervalSchedule.SECONDS,
        30,
    ),
    Entry("usage.watch", "Look for alerts", 30, IntervalSchedule.SECONDS, 30),
    Entry(
        "usage.deliver_notifications",
        "Send notifications",
        10,
        IntervalSchedule.SECONDS,
        10,
    ),
    Entry(
        "usage.run_reports",
        "Draw up and send reports",
        60,
        IntervalSchedule.SECONDS,
        60,
    ),
    Entry(
        "usage.rerate",
        "Rate past usage anew where asked",
        60,
        IntervalSchedule.SECONDS,
        60,
    ),
    Entry(
        "usage.compare_prices",
        "Compare the price book with genai-prices",
        1,
        IntervalSchedule.DAYS,
        86400,
    ),
    Entry(
        "tenants.expire_approvals",
        "Let approvals expire",
        60,
        IntervalSchedule.SECONDS,
        60,
    ),
    Entry(
        "gateway.check_providers",
        "Check providers",
        60,
        IntervalSchedule.SECONDS,
        60,
    ),
    Entry(
        "gateway.embed_context",
        "Make vectors of context entries that have none",
        10,
        IntervalSchedule.MINUTES,
        600,
    ),
    Entry(
        "usage.clear_expired_answers",
        "Clear expired answers away",
        10,
        IntervalSchedule.MINUTES,
        600,
    ),
    Entry(
        "usage.maintain_partitions",
        "Make and drop partitions of usage events",
        1,
        IntervalSchedule.HOURS,
        3600,
    ),
    Entry(
        "tenants.trim_config_changes",
        "Trim old configuration versions",
        1,
        IntervalSchedule.DAYS,
        86400,
    ),
    Entry(
        "tenants.trim_audit",
        "Trim the audit of the configuration",
        1,
        IntervalSchedule.DAYS,
        86400,
    ),
    Entry(
        "workflows.wake_due_runs",
        "Look for runs of workflows that are due",
        15,
        IntervalSchedule.SECONDS,
        15,
    ),
    Entry(
        "workflows.begin_scheduled_runs",
        "Begin runs of workflows that are scheduled",
        10,
        IntervalSchedule.SECONDS,
        10,
    ),
    Entry(
        "workflows.remove_old_runs",
        "Remove old runs of workflows",
        1,
        IntervalSchedule.HOURS,
        3600,
    ),
]


def add_missing_entries() -> None:
    """Add a row for each task that has none; rows that exist are the operator's."""
    known = set(
        PeriodicTask.objects.filter(
            task__in=[entry.task for entry in ENTRIES]
        ).values_list("task", flat=True)
    )
    for entry in ENTRIES:
        if entry.task in known:
            continue
        interval, _ = IntervalSchedule.objects.get_or_create(
            every=entry.every, period=entry.period
        )
        PeriodicTask.objects.get_or_create(
            name=entry.name,
            defaults={
                "task": entry.task,
                "interval": interval,
                "expire_seconds": entry.expire_seconds,
            },
        )


def is_installed(using: str) -> bool:
    """Tell whether the tables of the schedule exist in this database."""
    tables = connections[using].introspection.table_names()
    return PeriodicTask._meta.db_table in tables
