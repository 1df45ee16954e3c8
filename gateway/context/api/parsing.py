"""Entries as a project writes them: every mistake in them is told at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.exceptions import ValidationError as Invalid
from django.core.validators import RegexValidator
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from catalog.bundle.mistakes import advice
from tenants.models.context_entry import check_kind, check_source_id
from tenants.models.end_user import check_external_id

MAX_AT_ONCE = 500
MAX_CONTENT_BYTES = 32 * 1024
_REQUIRED = ("userId", "kind", "content")
_FIELDS = (*_REQUIRED, "occurredAt", "expiresAt", "sourceId")
_MAX_TOLD = 100
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """An entry as it is to be stored."""

    user_id: str
    kind: str
    content: object
    occurred_at: datetime
    expires_at: datetime | None
    source_id: str | None

    @property
    def source(self) -> tuple[str, str, str] | None:
        """What names it among all entries of the project, if anything does."""
        if self.source_id is None:
            return None
        return self.user_id, self.kind, self.source_id


def entries_in(body: Mapping[str, Any]) -> tuple[list[NewEntry], bool]:
    """Return the entries of a body, and whether it is a list of them.

    Raises `ValidationError` with all that is wrong, by place.
    """
    if "entries" not in body:
        wrong: dict[str, list[str]] = {}
        entry = _entry(body, "", wrong)
        _check(wrong)
        return [entry], False
    wrong = {name: ["Unknown field."] for name in body if name != "entries"}
    items = body["entries"]
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_AT_ONCE:
        wrong["entries"] = [f"This must be a list of 1 to {MAX_AT_ONCE} entries."]
        raise ValidationError(wrong)
    found = [_entry(each, f"entries.{n}.", wrong) for n, each in enumerate(items)]
    seen: dict[tuple[str, str, str], int] = {}
    for place, entry in enumerate(found):
        if (source := entry.source) is None:
            continue
        if (first := seen.setdefault(source, place)) != place:
            msg = f"entries.{first} has the same userId, kind and sourceId."
            wrong.setdefault(f"entries.{place}.sourceId", []).append(msg)
    _check(wrong)
    return found, True


def changes_in(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be changed of an entry. Raises `ValidationError`."""
    known = ("kind", "content", "occurredAt", "expiresAt")
    wrong = _unknown(body, known, "")
    found: dict[str, Any] = {}
    if "kind" in body:
        found["kind"] = _text(body, "kind", check_kind, "", wrong)
    if "content" in body:
        found["content"] = _content(body["content"], "content", wrong)
    if "occurredAt" in body:
        found["occurred_at"] = _moment(body["occurredAt"], "occurredAt", wrong)
    if "expiresAt" in body:
        expires = body["expiresAt"]
        found["expires_at"] = (
            None if expires is None else _moment(expires, "expiresAt", wrong)
        )
    _check(wrong)
    return found


def moment_in(value: str, place: str) -> datetime:
    """Return a moment of a query. Raises `ValidationError`."""
    wrong: dict[str, list[str]] = {}
    found = _moment(value, place, wrong)
    _check(wrong)
    return found


def _entry(body: Any, at: str, wrong: dict[str, list[str]]) -> NewEntry:
    now = timezone.now()
    if not isinstance(body, dict):
        wrong[at.rstrip(".")] = ["This must be an object."]
        return NewEntry("", "", None, now, None, None)
    wrong |= _unknown(body, _FIELDS, at)
    for name in _REQUIRED:
        if body.get(name) is None:
            wrong[at + name] = ["This must be given."]
    expires, occurred = body.get("expiresAt"), body.get("occurredAt")
    return NewEntry(
        user_id=_text(body, "userId", check_external_id, at, wrong),
        kind=_text(body, "kind", check_kind, at, wrong),
        content=_content(body.get("content"), f"{at}content", wrong),
        occurred_at=now
        if occurred is None
        else _moment(occurred, f"{at}occurredAt", wrong),
        expires_at=None
        if expires is None
        else _moment(expires, f"{at}expiresAt", wrong),
        source_id=_text(body, "sourceId", check_source_id, at, wrong) or None,
    )


def _unknown(
    body: Mapping[str, Any], known: tuple[str, ...], at: str
) -> dict[str, list[str]]:
    return {
        f"{at}{name[:100]}": [f"Unknown field{advice(name, known)}"]
        for name in body
        if name not in known
    }


def _text(
    body: Mapping[str, Any],
    name: str,
    check: RegexValidator,
    at: str,
    wrong: dict[str, list[str]],
) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        wrong[at + name] = ["This must be a string."]
        return ""
    try:
        check(value)
    except Invalid as error:
        wrong[at + name] = error.messages
    return value


def _content(value: Any, place: str, wrong: dict[str, list[str]]) -> object:
    if value is None or value == "":
        wrong[place] = ["This must be given, as text or as JSON."]
    elif len(orjson.dumps(value)) > MAX_CONTENT_BYTES:
        wrong[place] = [f"This may have {MAX_CONTENT_BYTES:,} bytes."]
    return value


def _moment(value: Any, place: str, wrong: dict[str, list[str]]) -> datetime:
    """Read a moment in ISO 8601, in UTC where it says no zone."""
    try:
        if not isinstance(value, str):
            raise TypeError
        found = datetime.fromisoformat(value)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        if not _EARLIEST <= found <= _LATEST:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        wrong[place] = ["This must be a moment in ISO 8601, from 1900 to 2200."]
        return _EARLIEST
    return found


def _check(wrong: dict[str, list[str]]) -> None:
    if wrong:
        raise ValidationError(dict(list(wrong.items())[:_MAX_TOLD]))
