"""Paying past usage by the price book as it is now.

Events are never written again. What they would cost, less what they and earlier
adjustments did, is booked as one more adjustment for each group of usage and quarter of an
hour, so that every sum of the group is what the prices say. Done again, there is no
difference left and nothing is booked.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from uuid_utils import uuid7

from usage.analytics.buckets import floor
from usage.costs import cost_of
from usage.ledger import write_in_transaction
from usage.models import Rerating, UsageEvent
from usage.price_book.sheets import Book
from usage.records import EventRecord
from usage.tokens import Tokens

logger = logging.getLogger(__name__)

# Local hours begin at quarters of UTC's, so that a group lies within one everywhere.
_QUARTER = 15
_STEP = timedelta(hours=1)
_TICK = timedelta.resolution
_GROUP = (
    "organization_id",
    "project_id",
    "api_key_id",
    "end_user",
    "feature",
    "alias",
    "provider",
    "model",
    "operation",
    "dialect",
    "status",
    "cache",
    "error_code",
)
_TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "other_usage",
)
_REST = ("occurred_at", "kind", "cost_usd", "price_ids", "own_credential")
_COLUMNS = (*_GROUP, *_TOKENS, *_REST)
_BATCH = 500
Group = tuple[Any, ...]


def rerate_waiting() -> int:
    """Go on with what was asked for, and return how many were brought to their end."""
    ended = 0
    for row in Rerating.objects.exclude(state=Rerating.State.DONE).order_by("pk"):
        rerate(row.pk)
        ended += 1
    return ended


def rerate(rerating_id: int) -> None:
    """Rate the stretch anew, an hour at a time; a worker that dies is followed by others."""
    while _rerate_next_hour(rerating_id):
        continue


@transaction.atomic
def _rerate_next_hour(rerating_id: int) -> bool:
    """Do the next hour and write down how far it went, all of it or nothing."""
    with connection.cursor() as cursor:
        # Two at once would book the same difference twice.
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('usage.rerating', 0))"
        )
    row = Rerating.objects.select_for_update(of=("self",)).get(pk=rerating_id)
    if row.state == Rerating.State.DONE:
        return False
    begin = floor(row.next_from, _QUARTER)
    last = floor(row.ends_at + timedelta(minutes=_QUARTER) - _TICK, _QUARTER)
    if begin < last:
        end = min(begin + _STEP, last)
        records = list(_adjustments(row, begin, end))
        for at in range(0, len(records), _BATCH):
            write_in_transaction(records[at : at + _BATCH])
        row.adjustments += len(records)
        row.difference_usd += sum((r.cost_usd or Decimal(0)) for r in records)
        row.state, row.done_until = Rerating.State.RUNNING, end
    if row.next_from >= last:
        row.state, row.ended_at = Rerating.State.DONE, timezone.now()
    row.save()
    return bool(row.state != Rerating.State.DONE)


def _adjustments(
    row: Rerating, begin: datetime, end: datetime
) -> Iterator[EventRecord]:
    """Yield what is to be booked, so that each group costs what the book says."""
    book = Book()
    differences: dict[Group, Decimal] = {}
    for values in _events(row, begin, end):
        event = dict(zip(_COLUMNS, values, strict=True))
        group = (*values[: len(_GROUP)], floor(event["occurred_at"], _QUARTER))
        if event["kind"] == UsageEvent.Kind.ADJUSTMENT:
            change = -(event["cost_usd"] or Decimal(0))
        else:
            row.checked += 1
            change = _change(book, event)
        if change:
            differences[group] = differences.get(group, Decimal(0)) + change
    for group, difference in differences.items():
        if difference:
            yield _record(group, difference)


def _events(row: Rerating, begin: datetime, end: datetime) -> Iterator[tuple[Any, ...]]:
    rows = UsageEvent.objects.filter(
        occurred_at__gte=begin,
        occurred_at__lt=end,
        kind__in=[UsageEvent.Kind.ATTEMPT, UsageEvent.Kind.ADJUSTMENT],
    ).exclude(status=UsageEvent.Status.UNSETTLED)
    if row.project_id is not None:
        rows = rows.filter(project_id=row.project_id)
    if row.model is not None:
        rows = rows.filter(provider=row.model.provider.slug, model=row.model.model_id)
    return rows.order_by().values_list(*_COLUMNS).iterator(chunk_size=2000)


def _change(book: Book, event: dict[str, Any]) -> Decimal:
    """Return by how much the event would cost more than it did.

    What somebody else paid for, or what its provider said that it cost, stays.
    """
    was = event["cost_usd"]
    if event["own_credential"] or (was is not None and not event["price_ids"]):
        return Decimal(0)
    tokens = Tokens(
        input=event["input_tokens"],
        output=event["output_tokens"],
        cache_read=event["cache_read_tokens"],
        cache_write=event["cache_write_tokens"],
        reasoning=event["reasoning_tokens"],
        other=event["other_usage"],
    )
    sheet = book.sheet_at(event["provider"], event["model"], event["occurred_at"])
    cost = cost_of(tokens, sheet)
    return Decimal(0) if cost is None else cost.usd - (was or Decimal(0))


def _record(group: Group, difference: Decimal) -> EventRecord:
    named = dict(zip(_GROUP, group, strict=False))
    return EventRecord(
        id=str(uuid7()),
        request_id=str(uuid7()),
        occurred_at=group[-1],
        kind=UsageEvent.Kind.ADJUSTMENT.value,
        attempt=0,
        estimated=False,
        cost_usd=difference,
        **named,
    )
