from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_migrate


class UsageConfig(AppConfig):
    name = "usage"

    def ready(self) -> None:
        post_migrate.connect(set_up_metering, sender=self)


def set_up_metering(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Leave a migrated database with partitions and a schedule for Celery beat."""
    # Models cannot be imported before all apps are ready.
    from usage import partitions, schedule

    if using != DEFAULT_DB_ALIAS:
        return
    if partitions.is_installed():
        partitions.make_ahead()
    if schedule.is_installed(using):
        schedule.add_missing_entries()
