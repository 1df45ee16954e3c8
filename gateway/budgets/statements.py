"""What a process asks of the windows in PostgreSQL; each is one statement."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

LEASE_SECONDS = 60.0


class Opened(NamedTuple):
    window: int
    starts_at: int
    ends_at: int | None
    spent: int
    free: int


class Taken(NamedTuple):
    """`free` is what nobody holds after it."""

    granted: int
    spent: int
    free: int


class Seen(NamedTuple):
    """A window, and what this process holds of it by the database's account."""

    window: int
    held: int
    spent: int
    free: int


def open_window(budget_id: int, subject: str) -> Opened | None:
    """Return the present window of a budget; None when there is no such budget."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT window_key, extract(epoch FROM from_moment)::bigint, "
            "extract(epoch FROM to_moment)::bigint, spent, free "
            "FROM usage_open_window(%s, %s, %s)",
            [budget_id, subject, timezone.now()],
        )
        row = cursor.fetchone()
    return None if row is None else Opened(*row)


def take(window: int, worker: str, needed: int, spare: int) -> Taken | None:
    """Add to the lease what is needed, as far as it is free; None: no such window."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT granted, spent, free FROM usage_take_escrow(%s, %s, %s, %s, %s)",
            [window, worker, needed, spare, LEASE_SECONDS],
        )
        row = cursor.fetchone()
    return None if row is None else Taken(*row)


def give_back(worker: str, amounts: Sequence[tuple[int, int]]) -> None:
    """Take amounts out of leases, by window."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE usage_budgetlease l "
            "SET amount_nano = GREATEST(l.amount_nano - given.amount, 0) "
            "FROM unnest(%s::bigint[], %s::bigint[]) AS given (window_id, amount) "
            "WHERE l.window_id = given.window_id AND l.worker = %s",
            [*map(list, zip(*amounts, strict=True)), worker],
        )


def count_refusals(counts: Sequence[tuple[int, int]]) -> None:
    """Add what would have been refused, by window."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE usage_budgetwindow w "
            "SET would_refuse = w.would_refuse + found.number "
            "FROM unnest(%s::bigint[], %s::bigint[]) AS found (window_id, number) "
            "WHERE w.id = found.window_id",
            [*map(list, zip(*counts, strict=True))],
        )


def renew(worker: str, windows: Collection[int]) -> list[Seen]:
    """Hold for longer what is held, and tell of all these windows."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE usage_budgetlease "
            "SET expires_at = now() + make_interval(secs => %s) WHERE worker = %s",
            [LEASE_SECONDS, worker],
        )
        cursor.execute(
            "SELECT w.id, "
            "COALESCE(sum(l.amount_nano) FILTER (WHERE l.worker = %s), -1), "
            "w.spent_nano, "
            "GREATEST(usage_nano(b.amount_usd) - w.spent_nano "
            "- COALESCE(sum(l.amount_nano), 0), 0) "
            "FROM usage_budgetwindow w "
            "JOIN tenants_budget b ON b.id = w.budget_id "
            "LEFT JOIN usage_budgetlease l ON l.window_id = w.id "
            "WHERE w.id = ANY(%s) GROUP BY w.id, b.amount_usd",
            [worker, list(windows)],
        )
        return [Seen(*map(int, row)) for row in cursor.fetchall()]


def give_all_back(worker: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM usage_budgetlease WHERE worker = %s", [worker])
