"""How long the audit is kept."""

from datetime import datetime, timedelta
from typing import Any

import pghistory.core
import pgtrigger
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from pghistory.models import Context

_BATCH = 5_000


def trim(now: datetime | None = None) -> int:
    """Delete events that are too old and return how many.

    The newest of the old ones of a row that is there stays: it is what the row was when
    the audit begins. Of what is kept, every change can still be told.
    """
    days = settings.AUDIT_RETENTION_DAYS
    if days <= 0:
        return 0
    end = (now or timezone.now()) - timedelta(days=days)
    deleted = sum(_trim(event, end) for event in pghistory.core.event_models())
    _trim_contexts(end)
    return deleted


def _trim(event: Any, end: datetime) -> int:
    old = event.objects.filter(pgh_created_at__lt=end)
    newer = old.filter(pgh_obj_id=OuterRef("pgh_obj_id"), pgh_id__gt=OuterRef("pgh_id"))
    dead = old.filter(Exists(newer) | Q(pgh_label="delete")).order_by("pgh_id")
    deleted = 0
    # Oldest first: what is left when this is stopped is still whole.
    while ids := list(dead.values_list("pgh_id", flat=True)[:_BATCH]):
        with transaction.atomic(), pgtrigger.ignore(_append_only(event)):
            deleted += event.objects.filter(pgh_id__in=ids).delete()[0]
    return deleted


def _append_only(event: Any) -> str:
    return f"{event._meta.label}:append_only"


def _trim_contexts(end: datetime) -> None:
    """Delete who and where of changes of which nothing is left."""
    dead = Context.objects.filter(updated_at__lt=end)
    for event in pghistory.core.event_models():
        if not hasattr(event, "pgh_context"):
            continue
        dead = dead.exclude(
            Exists(event.objects.filter(pgh_context_id=OuterRef("pk")))  # type: ignore[attr-defined]
        )
    dead.delete()
