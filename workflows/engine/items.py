"""The elements of a foreach: rows of their own, so that none is done twice."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import orjson
from django.db.models import Count, Min, Q, Sum

from workflows.engine.book import OPEN, Book, Status
from workflows.limits import MAX_OUTPUT_BYTES
from workflows.models import StepRun
from workflows.models.step import MAIN


def look_at_items(book: Book, row: StepRun) -> None:
    """End the step when all its elements have ended, or one has failed for good."""
    items = _items_of(book, row)
    counts = dict(items.order_by().values_list("status").annotate(Count("id")))
    if counts.get(Status.FAILED) and not _settings(row)["goesOn"]:
        failed = items.filter(status=Status.FAILED).order_by("item").first()
        _add_costs(book, row)
        items.filter(status__in=OPEN).update(
            status=Status.CANCELLED, claim=None, lease_until=None, ended_at=book.now
        )
        if failed is not None:
            book.fail(row, failed.error_code, f"{failed}: {failed.read('error')}")
    elif not any(counts.get(status) for status in OPEN):
        _add_costs(book, row)
        outputs = [
            each.read("output") if each.status == Status.COMPLETED else None
            for each in items.order_by("item").only(
                "id", "project_id", "item", "status", "output"
            )
        ]
        if len(orjson.dumps(outputs)) > MAX_OUTPUT_BYTES:
            msg = f"All outputs together may have {MAX_OUTPUT_BYTES} bytes."
            book.fail(row, "output_too_large", msg)
        else:
            book.seal(row, "output", outputs)
            book.end(row, Status.COMPLETED)


def claimable_items(book: Book, row: StepRun) -> list[StepRun]:
    """Return the next elements to be done, as many as may be done at a time."""
    items = _items_of(book, row)
    running = items.filter(status=Status.RUNNING).count()
    free = _settings(row)["atOnce"] - running
    if free <= 0:
        return []
    may_begin = Q(due_at=None) | Q(due_at__lte=book.now)
    return list(
        items.filter(may_begin, status=Status.PENDING)
        .defer("output", "error")
        .order_by("item")[:free]
    )


def asking_items(book: Book, row: StepRun) -> list[StepRun]:
    """Return the elements that wait for somebody's decision."""
    items = _items_of(book, row).filter(status=Status.WAITING_APPROVAL)
    return list(items.defer("input", "output", "error"))


def items_before(book: Book, row: StepRun) -> Iterator[datetime]:
    """Yield when the first of the elements that wait is due."""
    found = _items_of(book, row).filter(
        status__in=(Status.PENDING, Status.WAITING_APPROVAL)
    )
    due = found.aggregate(first=Min("due_at"))["first"]
    if due is not None:
        yield due


def _items_of(book: Book, row: StepRun):  # type: ignore[no-untyped-def]
    return StepRun.objects.filter(run=book.run, step=row.step, item__gt=MAIN)


def _settings(row: StepRun) -> dict[str, object]:
    found: dict[str, object] = row.read("input")
    return found


def _add_costs(book: Book, row: StepRun) -> None:
    """The run has been charged for each element already; the step shows their sum."""
    total = _items_of(book, row).aggregate(total=Sum("cost_usd"))["total"]
    book.change(row, cost_usd=total or Decimal(0))
