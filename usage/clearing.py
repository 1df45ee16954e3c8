"""Deleting many rows, some at a time."""

from typing import Any

from django.db import transaction
from django.db.models import Manager, QuerySet

BATCH = 1_000
MAX_BATCHES = 100


def delete_in_batches(
    chosen: "QuerySet[Any, Any]", batch: int = BATCH, max_batches: int = MAX_BATCHES
) -> int:
    """Delete the rows, each batch in a transaction of its own, and return how many."""
    deleted = 0
    for _ in range(max_batches):
        gone = _delete(chosen, batch)
        deleted += gone
        if gone < batch:
            break
    return deleted


def _delete(chosen: "QuerySet[Any, Any]", batch: int) -> int:
    """Delete some of the rows, passing over those that another is busy with."""
    rows: Manager[Any] = chosen.model._default_manager
    with transaction.atomic():
        ids = list(
            chosen.order_by()
            .select_for_update(skip_locked=True)
            .values_list("id", flat=True)[:batch]
        )
        return rows.filter(id__in=ids).delete()[0]
