"""Which context a request asks for: its scope, and what narrows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from gateway.configuration.records import ProjectRecord
from gateway.refusals import InvalidRequest
from gateway.types import JSON
from tenants.context.scopes import KIND, MAX_KINDS, READY, ScopeRules

HEADER = b"x-signalbox-context"
_NAME = HEADER.decode()
_CONVERSATIONS = frozenset({"chat", "responses"})
_FIELDS = ("scope", "dateRange", "include", "exclude")
_RANGE = ("start", "end")
_DAY = 10


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for; `include` None: every kind of the scope."""

    rules: ScopeRules
    since: datetime | None = None
    until: datetime | None = None
    include: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()

    @property
    def tokens(self) -> int:
        """The most that it may come to."""
        return self.rules.token_budget


def wish_in(
    headers: Mapping[bytes, bytes], project: ProjectRecord, operation: str
) -> Wish | None:
    """Return what the header asks for. Raises `InvalidRequest`."""
    value = headers.get(HEADER)
    if value is None:
        return None
    if operation not in _CONVERSATIONS:
        msg = f"{_NAME} is for conversations; leave it out for {operation}."
        raise InvalidRequest(msg, param=_NAME)
    return Wish(rules_of(value.decode("latin-1").strip(), project, _NAME))


def check_no_wish(headers: Mapping[bytes, bytes]) -> None:
    """Refuse the header where the body is passed on as it is."""
    if HEADER in headers:
        msg = f"{_NAME} cannot be used here: the body is passed on as it is."
        raise InvalidRequest(msg, param=_NAME)


def wish_of(
    body: JSON, told: Wish | None, project: ProjectRecord, at: str = "context."
) -> Wish | None:
    """Return what the own dialect's `context` asks for; the body goes before the header.

    Raises `InvalidRequest`.
    """
    said = body.get("context")
    return told if said is None else wish_from(said, project, at)


def wish_from(said: Any, project: ProjectRecord, at: str = "") -> Wish:
    """Return what an object with scope, dateRange, include and exclude asks for."""
    place = at.rstrip(".") or "context"
    if not isinstance(said, dict):
        msg = f'\'{place}\' must be an object such as {{"scope": "standard"}}.'
        raise InvalidRequest(msg, param=place)
    _check_names(said, _FIELDS, at)
    scope = said.get("scope", "standard")
    if not isinstance(scope, str):
        raise InvalidRequest(f"'{at}scope' must be a string.", param=f"{at}scope")
    span = said.get("dateRange")
    span = {} if span is None else span
    if not isinstance(span, dict):
        msg = f"'{at}dateRange' must be an object with start and end."
        raise InvalidRequest(msg, param=f"{at}dateRange")
    _check_names(span, _RANGE, f"{at}dateRange.")
    since = _moment(span.get("start"), f"{at}dateRange.start")
    until = _moment(span.get("end"), f"{at}dateRange.end", is_end=True)
    if since is not None and until is not None and since >= until:
        msg = f"'{at}dateRange' ends before it begins."
        raise InvalidRequest(msg, param=f"{at}dateRange")
    include = _kinds(said.get("include"), f"{at}include")
    return Wish(
        rules_of(scope, project, f"{at}scope"),
        since,
        until,
        include,
        _kinds(said.get("exclude"), f"{at}exclude") or frozenset(),
    )


def rules_of(name: str, project: ProjectRecord, param: str) -> ScopeRules:
    """Return a scope of the project, or a ready one. Raises `InvalidRequest`."""
    found = project.context_scopes.get(name) or READY.get(name)
    if found is None:
        known = ", ".join(sorted({*READY, *project.context_scopes}))
        msg = f"There is no context scope {name[:100]!r}; there are {known}."
        raise InvalidRequest(msg, param=param)
    return found


def _check_names(said: JSON, known: tuple[str, ...], at: str) -> None:
    for name in said:
        if name not in known:
            place = f"{at}{name[:100]}"
            msg = f"'{place}' is not known; there are {', '.join(known)}."
            raise InvalidRequest(msg, param=place)


def _moment(value: Any, place: str, *, is_end: bool = False) -> datetime | None:
    """Read a date, of which the end is the end of the day, or a moment; UTC if it says none."""
    if value is None:
        return None
    try:
        if not isinstance(value, str):
            raise TypeError
        if len(value) == _DAY:
            day = date.fromisoformat(value)
            found = datetime(day.year, day.month, day.day, tzinfo=UTC)
            return found + timedelta(days=1) if is_end else found
        found = datetime.fromisoformat(value)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"'{place}' must be a date such as 2026-01-31, or a moment in ISO 8601."
        raise InvalidRequest(msg, param=place) from error


def _kinds(value: Any, place: str) -> frozenset[str] | None:
    if value is None:
        return None
    if (
        not isinstance(value, list)
        or len(value) > MAX_KINDS
        or not all(isinstance(each, str) and KIND.fullmatch(each) for each in value)
    ):
        msg = f"'{place}' must be a list of at most {MAX_KINDS} kinds of entries."
        raise InvalidRequest(msg, param=place)
    return frozenset(value)
