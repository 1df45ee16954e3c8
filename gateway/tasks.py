"""What Celery does for the gateway. Each task may run twice, or late, without harm."""

from celery import shared_task

from gateway.context import entry_vectors
from gateway.providers import checks as provider_checks


@shared_task(name="gateway.check_providers", soft_time_limit=90, time_limit=120)
def check_providers() -> None:
    provider_checks.check_due()


@shared_task(name="gateway.embed_context", soft_time_limit=300, time_limit=330)
def embed_context(ids: list[str] | None = None) -> None:
    entry_vectors.embed_entries(entry_vectors.pending() if ids is None else ids)
