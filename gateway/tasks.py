"""What Celery does for the gateway. Each task may run twice, or late, without harm."""

from celery import shared_task

from gateway.providers import checks as provider_checks


@shared_task(name="gateway.check_providers", soft_time_limit=90, time_limit=120)
def check_providers() -> None:
    provider_checks.check_due()
