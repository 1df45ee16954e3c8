"""Reading a question about usage: when, by what, and of which part of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from usage.analytics.buckets import (
    GRANULARITIES,
    floor,
    local_midnight,
    starts_between,
)
from usage.analytics.dimensions import NotThere, values_of
from usage.analytics.reading import Selection
from usage.hours import minutes_of

Values = Sequence[str | int]

DEFAULT_DAYS = 30
MAX_DAYS = 1100
MAX_BUCKETS = 10_000
MAX_VALUES = 100
MAX_GROUPS = 2
CONTROLS = ("from", "to", "granularity", "groupBy", "format")

_EMPTIED_PLUS = re.compile(r"(T\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\d\d:?\d\d)\Z")


class QuestionRefused(Exception):
    """A parameter that cannot be understood, or asks for too much."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


@dataclass(frozen=True, slots=True)
class Question:
    """`group_by` holds names and columns; `where` is what the answer is limited to."""

    begin: datetime
    end: datetime
    zone: ZoneInfo
    where: Mapping[str, Values]
    granularity: str = ""
    group_by: tuple[tuple[str, str], ...] = ()

    @property
    def selection(self) -> Selection:
        """Return all that is asked about, as one group."""
        return Selection(self.begin, self.end, self.where)

    @property
    def grouped(self) -> Selection:
        """Return what is asked about by bucket and group."""
        cuts: tuple[datetime, ...] = ()
        if self.granularity:
            cuts = tuple(
                starts_between(self.begin, self.end, self.granularity, self.zone)
            )
        columns = tuple(column for _, column in self.group_by)
        return Selection(self.begin, self.end, self.where, columns, cuts)


def read_question(
    sent: Mapping[str, str],
    within: Mapping[str, Values],
    dimensions: Mapping[str, str],
    zone_name: str,
    now: datetime,
) -> Question:
    """Return the question in these parameters, of `within` alone.

    Moments are widened to the hours that sums are kept of. Raises `QuestionRefused`.
    """
    for name in sent:
        if name not in CONTROLS and name not in dimensions:
            known = ", ".join([*CONTROLS, *dimensions])
            raise QuestionRefused(name, f"Unknown parameter; there are {known}.")
    zone = ZoneInfo(zone_name)
    part = minutes_of(zone_name)
    end = _moment(sent, "to", zone, is_end=True) or now
    begin = _moment(sent, "from", zone) or end - timedelta(days=DEFAULT_DAYS)
    if begin >= end:
        raise QuestionRefused("from", "'from' must be before 'to'.")
    if end - begin > timedelta(days=MAX_DAYS):
        raise QuestionRefused("from", f"At most {MAX_DAYS} days can be asked about.")
    question = Question(
        begin=floor(begin, part),
        end=floor(end + timedelta(minutes=part) - timedelta.resolution, part),
        zone=zone,
        where={**within, **_filters(sent, within, dimensions)},
        granularity=_granularity(sent),
        group_by=_group_by(sent, dimensions),
    )
    if len(question.grouped.cuts) > MAX_BUCKETS:
        msg = f"That is more than {MAX_BUCKETS} {question.granularity}s; ask for less."
        raise QuestionRefused("granularity", msg)
    return question


def _moment(
    sent: Mapping[str, str], name: str, zone: ZoneInfo, *, is_end: bool = False
) -> datetime | None:
    """Return the moment (UTC); a day as an end is included."""
    text = sent.get(name, "").strip()
    if not text:
        return None
    try:
        if len(text) <= len("2026-01-01"):
            day = date.fromisoformat(text)
            return local_midnight(day + timedelta(days=is_end), zone)
        # A plus sign that was not escaped arrives as a space.
        moment = datetime.fromisoformat(_EMPTIED_PLUS.sub(r"\1+\2", text))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        msg = f"'{name}' must be an ISO 8601 date or time, such as 2026-01-31."
        raise QuestionRefused(name, msg) from None


def _granularity(sent: Mapping[str, str]) -> str:
    value = sent.get("granularity", "")
    if value and value not in GRANULARITIES:
        msg = f"'granularity' must be one of {', '.join(GRANULARITIES)}."
        raise QuestionRefused("granularity", msg)
    return value


def _group_by(
    sent: Mapping[str, str], dimensions: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    names = [
        name.strip() for name in sent.get("groupBy", "").split(",") if name.strip()
    ]
    if len(names) > MAX_GROUPS or len(set(names)) < len(names):
        msg = f"'groupBy' takes at most {MAX_GROUPS} different dimensions."
        raise QuestionRefused("groupBy", msg)
    for name in names:
        if name not in dimensions:
            msg = f"'groupBy' knows {', '.join(dimensions)}."
            raise QuestionRefused("groupBy", msg)
    return tuple((name, dimensions[name]) for name in names)


def _filters(
    sent: Mapping[str, str],
    within: Mapping[str, Values],
    dimensions: Mapping[str, str],
) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for name, column in dimensions.items():
        if name not in sent:
            continue
        texts = sent[name].split(",")
        if len(texts) > MAX_VALUES or "\x00" in sent[name]:
            msg = f"'{name}' takes at most {MAX_VALUES} values, separated by commas."
            raise QuestionRefused(name, msg)
        try:
            found[column] = values_of(column, texts, within)
        except NotThere:
            msg = f"There is no such {name}."
            raise QuestionRefused(name, msg) from None
    return found
