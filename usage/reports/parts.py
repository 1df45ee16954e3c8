"""What a report is made of: sections with figures, charts and tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from usage.analytics.buckets import starts_between
from usage.analytics.reading import Group, Selection, Sums, Times, sums_of, times_of
from usage.reports.periods import Period

# So many rows are shown; the CSV has them all.
TOP = 10
_MUCH = 100
_MANY = 100_000_000
Values = Sequence[str | int]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number, and what it was in the period before; `value` is as it goes into CSV."""

    name: str
    shown: str
    value: object
    change: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture yet to be drawn; `told` says in words what it shows.

    `kind` is bars, lines or ranking. A line is a name and its points.
    """

    title: str
    kind: str
    labels: Sequence[str]
    lines: Sequence[tuple[str, Sequence[float | None]]]
    unit: str
    told: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts under `columns`; the first column names the row."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    # The same rows as a program reads them, and how it calls their columns.
    named: Sequence[str] = ()
    plain: Sequence[Sequence[object]] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One section, as it is told."""

    name: str
    title: str
    figures: Sequence[Figure] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    note: str = ""


@dataclass
class Scope:
    """Which usage a report is about: whose, and when."""

    period: Period
    zone: ZoneInfo
    where: dict[str, Values] = field(default_factory=dict)
    organization_id: int | None = None
    project_id: int | None = None

    def selection(self, *columns: str) -> Selection:
        return Selection(self.period.begin, self.period.end, self.where, columns)

    @cached_property
    def cuts(self) -> tuple[datetime, ...]:
        """Return when the points of its charts begin: hours of a day, days otherwise."""
        step = "hour" if self.period.kind == "day" else "day"
        begin, end = self.period.begin, self.period.end
        return tuple(starts_between(begin, end, step, self.zone))

    @cached_property
    def labels(self) -> list[str]:
        form = {"day": "%H:%M", "week": "%a %-d"}.get(self.period.kind, "%-d")
        return [cut.astimezone(self.zone).strftime(form) for cut in self.cuts]

    @cached_property
    def total(self) -> Sums:
        return sums_of(self.selection()).get((1,), Sums())

    @cached_property
    def earlier(self) -> Sums:
        """Return the sums of the period before."""
        before = self.period.before(self.zone)
        found = sums_of(Selection(before.begin, before.end, self.where))
        return found.get((1,), Sums())

    @cached_property
    def times(self) -> Times:
        return times_of(self.selection()).get((1,), Times())

    @cached_property
    def earlier_times(self) -> Times:
        before = self.period.before(self.zone)
        found = times_of(Selection(before.begin, before.end, self.where))
        return found.get((1,), Times())

    @cached_property
    def by_time(self) -> list[Sums]:
        found = sums_of(self._cut)
        return [found.get((number + 1,), Sums()) for number in range(len(self.cuts))]

    @cached_property
    def times_by_time(self) -> list[Times]:
        found = times_of(self._cut)
        return [found.get((number + 1,), Times()) for number in range(len(self.cuts))]

    @property
    def _cut(self) -> Selection:
        begin, end = self.period.begin, self.period.end
        return Selection(begin, end, self.where, (), self.cuts)

    def by(self, *columns: str) -> list[tuple[Group, Sums]]:
        """Return the sums by these columns, the costliest first."""
        found = sums_of(self.selection(*columns))
        rows = [(group[1:], sums) for group, sums in found.items()]
        rows.sort(key=lambda row: (-row[1].cost_usd, -row[1].events, str(row[0])))
        return rows


def money(amount: Decimal) -> str:
    return f"${amount:,.2f}" if abs(amount) >= _MUCH else f"${amount:,.4f}"


def count(number: int) -> str:
    return f"{number:,}" if number < _MANY else f"{number / 1_000_000:,.0f} million"


def share(value: float | None) -> str:
    return "none" if value is None else f"{100 * value:.1f} %"


def milliseconds(value: float | None) -> str:
    return "none" if value is None else f"{value:,.0f} ms"


def change(now: Any, before: Any) -> str:
    """Return how much it is more or less than in the period before."""
    if now is None or before is None or not before:
        return ""
    percent = 100 * (float(now) - float(before)) / float(before)
    if abs(percent) < 0.05:  # Shown, it would be nothing.
        return "as before"
    return f"{percent:+,.1f} % on the period before"


def counted(name: str, now: int, before: int) -> Figure:
    return Figure(name, count(now), now, change(now, before))


def spent(name: str, now: Decimal, before: Decimal) -> Figure:
    return Figure(name, money(now), now, change(now, before))


def shared(name: str, now: float | None, before: float | None) -> Figure:
    return Figure(name, share(now), now, points(now, before))


def lasted(name: str, now: float | None, before: float | None) -> Figure:
    return Figure(name, milliseconds(now), now, change(now, before))


def points(change_of: float | None, before: float | None) -> str:
    """Return by how many percentage points a share has changed."""
    if change_of is None or before is None:
        return ""
    return f"{100 * (change_of - before):+.1f} points on the period before"


def in_words(unit: str, labels: Sequence[str], values: Sequence[float | None]) -> str:
    """Return what a reader without the picture is told of it."""
    known = [(v, label) for v, label in zip(values, labels, strict=True) if v]
    if not known:
        return "nothing"
    most, when = max(known)
    return f"at most {most:,.6g} {unit}, {when}".replace("  ", " ")
