"""What Celery does for metering. Each task may run twice, or late, without harm."""

import contextlib

from celery import shared_task
from django.conf import settings

from usage import (
    adoption,
    cache_entries,
    captures,
    context_entries,
    end_users,
    feedback,
    idempotent_answers,
    partitions,
    rollups,
)
from usage.alerts import watching
from usage.ledger import Ledger, LedgerUnavailable
from usage.notifications import delivering
from usage.price_book import comparing, rerating
from usage.reports import running


@shared_task(name="usage.roll_up")
def roll_up() -> None:
    rollups.roll_up()


@shared_task(name="usage.maintain_partitions")
def maintain_partitions() -> None:
    partitions.maintain()


@shared_task(name="usage.clear_expired_answers")
def clear_expired_answers() -> None:
    cache_entries.clear_expired()
    idempotent_answers.clear_expired()
    captures.clear_expired()
    context_entries.clear_expired()
    feedback.clear_comments()
    running.clear_old()
    end_users.clear_old()


@shared_task(name="usage.watch")
def watch() -> None:
    watching.watch()


@shared_task(name="usage.deliver_notifications")
def deliver_notifications() -> None:
    delivering.deliver_due()


@shared_task(name="usage.run_reports")
def run_reports() -> None:
    running.run_due()


@shared_task(name="usage.compare_prices")
def compare_prices() -> None:
    comparing.compare_prices()


@shared_task(name="usage.rerate")
def rerate() -> None:
    rerating.rerate_waiting()


@shared_task(name="usage.adopt_spools")
def adopt_spools() -> None:
    """Ship what dead web processes left, even when no web process is left to do it."""
    with (
        contextlib.suppress(LedgerUnavailable),
        contextlib.closing(Ledger(settings.SPOOL_DIR)) as ledger,
    ):
        adoption.adopt_all(settings.SPOOL_DIR, ledger)
