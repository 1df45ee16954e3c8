from typing import Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_migrate


class UsageConfig(AppConfig):
    name = "usage"

    def ready(self) -> None:
        # Models cannot be imported before all apps are ready.
        from tenants.context import erasing
        from usage import captures, feedback

        post_migrate.connect(set_up_metering, sender=self)
        erasing.also_forget("captured_texts", captures.purge)
        erasing.also_forget("feedback", feedback.forget)


def set_up_metering(using: str = DEFAULT_DB_ALIAS, **_: Any) -> None:
    """Leave a migrated database with partitions and a schedule for Celery beat."""
    # Models cannot be imported before all apps are ready.
    from usage import partitions, schedule
    from usage.alerts import rules

    if using != DEFAULT_DB_ALIAS:
        return
    if partitions.is_installed():
        partitions.make_ahead()
    if schedule.is_installed(using):
        schedule.add_missing_entries()
    if rules.is_installed(using):
        rules.make_ready_rules()
