"""Sums and percentiles of usage, by bucket of time and up to two dimensions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from usage.analytics.sketches import time_of
from usage.analytics.sources import Part, parts_by_end_user, parts_of, shares_of

Values = Sequence[str | int]
# The number of a bucket, then the values of what is grouped by.
Group = tuple[Any, ...]

_FAILED = "status IN ('failed', 'incomplete')"
_SUMS = {
    "events": "sum(events) FILTER (WHERE kind <> 'adjustment')",
    "requests": "sum(requests) FILTER (WHERE kind <> 'adjustment')",
    "attempts": "sum(events) FILTER (WHERE kind = 'attempt')",
    "errors": f"sum(events) FILTER (WHERE {_FAILED})",
    "hits": "sum(events) FILTER (WHERE cache IN ('hit', 'coalesced'))",
    "misses": "sum(events) FILTER (WHERE cache = 'miss' AND status = 'ok')",
    "input_tokens": "sum(input_tokens)",
    "cache_read_tokens": "sum(cache_read_tokens)",
    "cache_write_tokens": "sum(cache_write_tokens)",
    "output_tokens": "sum(output_tokens)",
    "reasoning_tokens": "sum(reasoning_tokens)",
    "cost_usd": "sum(cost_usd)",
    "saved_usd": "sum(saved_usd)",
    "unpriced": "sum(unpriced)",
    "estimated": "sum(estimated)",
    "fallbacks": "sum(fallbacks)",
    "answers": "sum(events) FILTER (WHERE kind = 'attempt' AND status = 'ok')",
    "truncated": "sum(truncated)",
    "refused": "sum(refused)",
    "violations": "sum(violations)",
}
_MONEY = ("cost_usd", "saved_usd")
_NEEDED = (
    "kind, status, cache, events, requests, input_tokens, cache_read_tokens, "
    "cache_write_tokens, output_tokens, reasoning_tokens, cost_usd, saved_usd, "
    "unpriced, estimated, fallbacks, truncated, refused, violations"
)
_ANSWERED = "kind = 'attempt' AND status = 'ok'"
_BY_GROUP = "SELECT * FROM merged"
# No bucket has this number.
_TOTAL = (0,)
_WITH_TOTAL = (
    f"{_BY_GROUP} UNION ALL SELECT {_TOTAL[0]}, time, sum(n) FROM merged GROUP BY time"  # noqa: S608
)
_PERCENTILES = """
    WITH merged AS (
        SELECT {keys}, time, sum(n) AS n
        FROM ({inner}) AS rows, unnest(times, counts) AS sketch(time, n)
        GROUP BY {keys}, time
    )
    SELECT {keys},
        min(time) FILTER (WHERE seen > 0.50 * (total - 1)),
        min(time) FILTER (WHERE seen > 0.95 * (total - 1)),
        min(time) FILTER (WHERE seen > 0.99 * (total - 1))
    FROM (
        SELECT {keys}, time, sum(n) OVER (PARTITION BY {keys} ORDER BY time) AS seen,
            sum(n) OVER (PARTITION BY {keys}) AS total
        FROM ({counted}) AS counted
    ) AS ranked
    GROUP BY {keys}
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which sums are meant. `where` holds the values that are allowed in each column."""

    begin: datetime
    end: datetime
    where: Mapping[str, Values] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    cuts: tuple[datetime, ...] = ()

    @property
    def parts(self) -> list[Part]:
        columns = {*self.where, *self.group_by}
        if "end_user" not in columns:
            return parts_of(self.begin, self.end, columns, self.cuts)
        return parts_by_end_user(
            self.begin, self.end, columns, self.cuts, are_few="end_user" in self.where
        )


@dataclass(slots=True)
class Sums:
    """What came together in one group."""

    events: int = 0
    requests: int = 0
    attempts: int = 0
    errors: int = 0
    hits: int = 0
    misses: int = 0
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    saved_usd: Decimal = Decimal(0)
    unpriced: int = 0
    estimated: int = 0
    fallbacks: int = 0
    answers: int = 0
    truncated: int = 0
    refused: int = 0
    violations: int = 0

    def add(self, other: "Sums") -> None:
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    @property
    def error_rate(self) -> float | None:
        return self.errors / self.attempts if self.attempts else None

    @property
    def truncation_rate(self) -> float | None:
        return self.truncated / self.answers if self.answers else None

    @property
    def refusal_rate(self) -> float | None:
        return self.refused / self.answers if self.answers else None

    @property
    def violation_rate(self) -> float | None:
        """Of all that was answered, well or against its schema."""
        answered = self.answers + self.violations
        return self.violations / answered if answered else None

    @property
    def hit_rate(self) -> float | None:
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


@dataclass(frozen=True, slots=True)
class Times:
    """Percentiles in milliseconds; None where there was nothing to measure."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


def sums_of(selection: Selection, limit: int | None = None) -> dict[Group, Sums]:
    """Return the sums by group, the costliest first where there is a limit."""
    keys = ["bucket", *selection.group_by]
    inner, values = _rows(selection, _NEEDED)
    sums = ", ".join(f"coalesce({sql}, 0) AS {name}" for name, sql in _SUMS.items())
    order = " ORDER BY cost_usd DESC, events DESC LIMIT %s" if limit else ""
    found = _fetch(
        f"SELECT {', '.join(keys)}, {sums} FROM ({inner}) AS rows "  # noqa: S608
        f"GROUP BY {', '.join(keys)}{order}",
        [*values, *([limit] if limit else [])],
    )
    return {row[: len(keys)]: _sums(row[len(keys) :]) for row in found}


def times_of(selection: Selection, sketch: str = "latency") -> dict[Group, Times]:
    """Return the percentiles of successful attempts by group."""
    keys = ", ".join(["bucket", *selection.group_by])
    inner, values = _rows(selection, *_sketched(sketch))
    found = _fetch(
        _PERCENTILES.format(keys=keys, inner=inner, counted=_BY_GROUP), values
    )
    size = 1 + len(selection.group_by)
    return {row[:size]: Times(*map(time_of, row[size:])) for row in found}


def times_with_total(selection: Selection) -> tuple[Times, dict[Group, Times]]:
    """Return the percentiles of all buckets together, and of each, read once."""
    inner, values = _rows(selection, *_sketched("latency"))
    rows = _fetch(
        _PERCENTILES.format(keys="bucket", inner=inner, counted=_WITH_TOTAL), values
    )
    found = {row[:1]: Times(*map(time_of, row[1:])) for row in rows}
    return found.pop(_TOTAL, Times()), found


def _sketched(sketch: str) -> tuple[str, str]:
    return f"{sketch}_buckets AS times, {sketch}_counts AS counts", _ANSWERED


def tops_of(selection: Selection, limit: int) -> list[tuple[Group, int, Decimal]]:
    """Return the costliest models, features or projects: their events, and their cost."""
    keys = ", ".join(selection.group_by)
    # Each event is in the share of a model, and besides in that of its feature, if any.
    is_wanted = "feature <> ''" if "feature" in selection.group_by else "model <> ''"
    parts = shares_of(selection.begin, selection.end)
    inner, values = _rows(selection, "events, cost_usd", is_wanted, parts)
    found = _fetch(
        f"SELECT {keys}, sum(events)::bigint AS n, sum(cost_usd) AS cost "  # noqa: S608
        f"FROM ({inner}) AS rows GROUP BY {keys} ORDER BY cost DESC, n DESC LIMIT %s",
        [*values, limit],
    )
    return [(row[:-2], row[-2], row[-1]) for row in found]


def other_usage_of(selection: Selection) -> dict[str, int]:
    """Return the sums of further components: audio, images, seconds, …"""
    inner, values = _rows(selection, "other_usage", "other_usage <> '{}'")
    found = _fetch(
        "SELECT name, sum(value::numeric)::bigint "  # noqa: S608
        f"FROM ({inner}) AS rows, jsonb_each_text(other_usage) AS e(name, value) "
        "GROUP BY name ORDER BY name",
        values,
    )
    return dict(found)


def _rows(
    selection: Selection,
    columns: str,
    condition: str = "true",
    parts: list[Part] | None = None,
) -> tuple[str, list[object]]:
    """Return the SQL of the rows that are meant, of all tables that hold some."""
    grouped = "".join(f"{name}, " for name in selection.group_by)
    statements: list[str] = []
    values: list[object] = []
    for part in selection.parts if parts is None else parts:
        bucket = "1"
        if selection.cuts:
            bucket = f"width_bucket({part.moment}, %s::timestamptz[])"
            values.append(list(selection.cuts))
        within, limits = part.condition
        values += limits
        for name, allowed in selection.where.items():
            within += f" AND {name} = ANY(%s)"
            values.append(list(allowed))
        statements.append(
            f"SELECT {bucket} AS bucket, {grouped}{columns} FROM {part.table} "  # noqa: S608
            f"WHERE {within} AND {condition}"
        )
    return " UNION ALL ".join(statements), values


def _sums(row: tuple[Any, ...]) -> Sums:
    found: dict[str, Any] = dict(zip(_SUMS, row, strict=True))
    counts = {name: int(found[name]) for name in found if name not in _MONEY}
    return Sums(**{**found, **counts})


def _fetch(statement: str, values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
