"""What Celery does for the tenants' configuration."""

from celery import shared_task
from django.utils import timezone

from tenants import approvals, audit_retention, versions


@shared_task(name="tenants.trim_config_changes")
def trim_config_changes() -> None:
    versions.trim()


@shared_task(name="tenants.expire_approvals")
def expire_approvals() -> None:
    approvals.expire(timezone.now())


@shared_task(name="tenants.trim_audit")
def trim_audit() -> None:
    audit_retention.trim()
