"""What Celery does for the tenants' configuration."""

from celery import shared_task

from tenants import versions


@shared_task(name="tenants.trim_config_changes")
def trim_config_changes() -> None:
    versions.trim()
