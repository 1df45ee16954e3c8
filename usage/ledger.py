"""Spooled events into the table of events: each one once, in batches."""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection as django_connection
from psycopg.types.json import Jsonb

from usage.budgets import (
    SPEND_BY_WINDOW,
    Booked,
    booked_from,
    log_warnings,
)
from usage.records import EventRecord, encode, encoded_defaults
from usage.segments import event_of, quarantine

logger = logging.getLogger(__name__)

STATEMENT_TIMEOUT_MS = 15_000

# What PostgreSQL says when it is the record that is wrong: data exceptions, violated
# constraints, program limits. Anything else is about the server and worth waiting for.
_REFUSALS = ("22", "23", "54")

ConnectionParameters = Callable[[], dict[str, Any]]
# Is told what was added to budgets, from the thread that writes.
OnBooked = Callable[[Sequence[Booked]], None]


class LedgerUnavailable(Exception):
    """PostgreSQL cannot be reached, or not written to, for now."""


def connection_parameters() -> dict[str, Any]:
    """Return what psycopg needs to connect to the database that Django uses now."""
    parameters = {**django_connection.get_connection_params()}
    # Those are Django's cursors and types.
    del parameters["cursor_factory"], parameters["context"]
    return {**parameters, "connect_timeout": 2, "tcp_user_timeout": 10_000}


@cache
def _statement() -> str:
    """Return the statement that writes a JSON array of events.

    One statement is one transaction: events, the hours they touch and the budgets they
    count to, or nothing. An event that is there already is left alone, unless it is an
    estimate and the new one is not; then budgets are charged the difference.
    """
    columns = EventRecord.__struct_fields__
    names = ", ".join(columns)
    updates = ", ".join(
        f"{name} = EXCLUDED.{name}"
        for name in columns
        if name not in {"id", "occurred_at"}
    )
    return f"""
        WITH incoming AS (
            SELECT DISTINCT ON (id, occurred_at) {names}
            FROM jsonb_populate_recordset(
                jsonb_populate_record(NULL::usage_usageevent, %(defaults)s), %(events)s
            )
            ORDER BY id, occurred_at, status = 'unsettled'
        ), written AS (
            INSERT INTO usage_usageevent ({names})
            SELECT {names} FROM incoming
            ON CONFLICT (id, occurred_at) DO UPDATE SET {updates},
                intent_cost_usd = usage_usageevent.cost_usd
            WHERE usage_usageevent.status = 'unsettled'
                AND EXCLUDED.status <> 'unsettled'
            RETURNING occurred_at, organization_id, project_id, api_key_id, end_user,
                alias, status, cost_usd, intent_cost_usd
        ), touched AS (
            INSERT INTO usage_touchedhour (hour)
            SELECT DISTINCT date_trunc('hour', occurred_at, 'UTC') FROM written
        ), spend AS ({SPEND_BY_WINDOW}), booked AS (
            SELECT spend.*, done.* FROM spend CROSS JOIN LATERAL usage_book_spend(
                spend.budget_id, spend.subject, spend.starts_at, spend.ends_at,
                spend.nano, spend.unpriced, %(worker)s
            ) AS done
        )
        SELECT (SELECT count(*) FROM written), (
            SELECT json_agg(
                json_build_array(
                    budget_id, subject, extract(epoch FROM starts_at)::bigint,
                    nano, taken, spent, budget_limit, crossed
                )
            ) FROM booked
        )
    """  # noqa: S608


def write_in_transaction(records: Sequence[EventRecord]) -> int:
    """Write events as the ledger does, in the transaction that Django has open."""
    events = b"[" + b",".join([encode(record) for record in records]) + b"]"
    values: dict[str, Any] = {
        "defaults": Jsonb(encoded_defaults(), dumps=_as_it_is),
        "events": Jsonb(events, dumps=_as_it_is),
        "worker": "",
    }
    with django_connection.cursor() as cursor:
        cursor.execute(_statement(), values)
        row = cursor.fetchone()
    assert row is not None  # noqa: S101  # It is a SELECT of one row.
    return int(row[0])


class Ledger:
    """A connection of its own to PostgreSQL, dropped on any error and made again."""

    def __init__(
        self,
        root: Path,
        parameters: ConnectionParameters = connection_parameters,
        on_booked: OnBooked | None = None,
    ) -> None:
        self._root = root
        self._parameters = parameters
        self._on_booked = on_booked
        self._connection: psycopg.Connection[Any] | None = None
        self._defaults = Jsonb(encoded_defaults(), dumps=_as_it_is)

    def write(self, lines: Sequence[bytes], worker: str = "") -> int:
        """Write the events of these lines and return how many of them were news.

        `worker` is whose they are: what it holds of budgets pays for them.
        A record that PostgreSQL refuses is found by halving, set aside, and holds up no
        other. Raises LedgerUnavailable, and may then have written a part.
        """
        if not lines:
            return 0
        try:
            return self._insert(lines, worker)
        except psycopg.Error as error:
            self.close()
            if not _is_refusal(error):
                raise LedgerUnavailable(type(error).__name__) from None
            refusal = _reason(error)
        if len(lines) > 1:
            middle = len(lines) // 2
            return self.write(lines[:middle], worker) + self.write(
                lines[middle:], worker
            )
        return self._write_or_set_aside(lines, worker, refusal)

    def sweep_leases(self) -> int:
        """Give back what dead processes held of budgets, and return how many held any.

        Raises LedgerUnavailable.
        """
        try:
            cursor = self._connected().execute(
                "DELETE FROM usage_budgetlease WHERE expires_at < now()"
            )
        except psycopg.Error as error:
            self.close()
            raise LedgerUnavailable(type(error).__name__) from None
        return cursor.rowcount

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write_or_set_aside(
        self, lines: Sequence[bytes], worker: str, refusal: str
    ) -> int:
        """Try a refused record once more: a partition may just have been attached."""
        try:
            return self._insert(lines, worker)
        except psycopg.Error as error:
            self.close()
            if not _is_refusal(error):
                raise LedgerUnavailable(type(error).__name__) from None
        quarantine(self._root, lines, reason=refusal)
        return 0

    def _connected(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = psycopg.connect(
                **{**self._parameters(), "autocommit": True}
            )
            self._connection.execute(
                f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}; SET timezone = 'UTC'"
            )
        return self._connection

    def _insert(self, lines: Sequence[bytes], worker: str) -> int:
        events = b"[" + b",".join([event_of(line) for line in lines]) + b"]"
        row = (
            self._connected()
            .execute(
                _statement(),
                {
                    "defaults": self._defaults,
                    "events": Jsonb(events, dumps=_as_it_is),
                    "worker": worker,
                },
            )
            .fetchone()
        )
        assert row is not None  # noqa: S101  # It is a SELECT of one row.
        if row[1] is not None:
            booked = booked_from(row[1], worker)
            log_warnings(booked)
            if self._on_booked is not None:
                self._on_booked(booked)
        return int(row[0])


def _as_it_is(encoded: bytes) -> bytes:
    return encoded


def _is_refusal(error: psycopg.Error) -> bool:
    return (error.sqlstate or "").startswith(_REFUSALS)


def _reason(error: psycopg.Error) -> str:
    """Name what was wrong, without the message, which would quote the record."""
    where = error.diag.constraint_name or error.diag.column_name or ""
    return f"{type(error).__name__} {where}".strip()
