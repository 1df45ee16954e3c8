"""Values of a bundle: what each field takes, and how it is written again."""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from catalog.bundle.mistakes import advice

Reader = Callable[[Any], Any]

_ENV = re.compile(r"env:([A-Z][A-Z0-9_]*)")
_MAX_LENGTH_SHOWN = 60


class Misread(Exception):
    """A value is not what its field takes; `found` are places below it and messages."""

    def __init__(self, message: str, place: str = "") -> None:
        self.found = [(place, message)]
        super().__init__(message)


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _MAX_LENGTH_SHOWN else f"{text[:_MAX_LENGTH_SHOWN]}…"


def text(value: Any) -> str:
    """Read text; null stands for empty text."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Misread(f"should be text, not {shown(value)}; put it in quotes")
    if "\x00" in value or (not value.isascii() and _has_surrogates(value)):
        raise Misread("holds a character that cannot be stored")
    return value


def _has_surrogates(value: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in value)


def required_text(value: Any) -> str:
    if text(value) == "":
        raise Misread("should be text, and is empty")
    return str(value)


def optional(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Misread(f"should be true or false, not {shown(value)}")
    return value


def whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Misread(f"should be a whole number, not {shown(value)}")
    return value


def seconds(value: Any) -> float:
    if (
        not isinstance(value, (int, float))
        or isinstance(value, bool)
        or not math.isfinite(value)
    ):
        raise Misread(f"should be a number of seconds, not {shown(value)}")
    return float(value)


def amount(value: Any) -> Decimal:
    """Read money; text is exact, and a bare number is taken as it is written."""
    if isinstance(value, (str, int, float, Decimal)) and not isinstance(value, bool):
        try:
            number = Decimal(str(value).strip())
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise Misread(f'should be an amount such as "2.00", not {shown(value)}')


def day(value: Any) -> date:
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise Misread(
                f"should be a date such as 2026-01-31, not {value!r}"
            ) from None
    if not isinstance(value, date) or isinstance(value, datetime):
        raise Misread(f"should be a date such as 2026-01-31, not {shown(value)}")
    return value


def moment(value: Any) -> datetime:
    """Read a date, which stands for its midnight in UTC, or a date with a time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Misread(
                f"should be a date such as 2026-01-31, not {value!r}"
            ) from None
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        try:
            return aware.astimezone(UTC)
        except OverflowError:
            raise Misread(f"is out of range: {shown(value)}") from None
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise Misread(f"should be a date such as 2026-01-31, not {shown(value)}")


def one_of(
    known: Iterable[str], what: str, aliases: Mapping[str, str] | None = None
) -> Reader:
    names = list(known)
    others = aliases or {}

    def read(value: Any) -> str:
        name = others.get(text(value), text(value))
        if name not in names:
            hint = advice(name, names) or f"; there are {', '.join(names)}"
            raise Misread(f"no {what} {shown(value)}{hint}")
        return name

    return read


def list_of(read: Reader) -> Reader:
    def read_list(value: Any) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise Misread(f"should be a list, not {shown(value)}")
        items: list[Any] = []
        wrong: list[tuple[str, str]] = []
        for index, item in enumerate(value):
            try:
                items.append(read(item))
            except Misread as misread:
                wrong += [(f"[{index}]{at}", said) for at, said in misread.found]
        raise_found(wrong)
        return items

    return read_list


def mapping(read: Reader) -> Reader:
    def read_mapping(value: Any) -> dict[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise Misread(f"should be a mapping, not {shown(value)}")
        items: dict[str, Any] = {}
        wrong: list[tuple[str, str]] = []
        for name, item in value.items():
            try:
                items[required_text(name)] = read(item)
            except Misread as misread:
                wrong += [(f".{name}{at}", said) for at, said in misread.found]
        raise_found(wrong)
        return items

    return read_mapping


def record(parts: Mapping[str, tuple[Reader, Any]]) -> Reader:
    """Read a mapping of known names; what is left out has the default given here."""

    def read_record(value: Any) -> dict[str, Any]:
        if value is not None and not isinstance(value, dict):
            raise Misread(f"should be a mapping, not {shown(value)}")
        items = {name: default for name, (_, default) in parts.items()}
        wrong: list[tuple[str, str]] = []
        for name, item in (value or {}).items():
            if name not in parts:
                wrong.append((f".{name}", f"unknown field{advice(str(name), parts)}"))
                continue
            try:
                items[name] = parts[name][0](item)
            except Misread as misread:
                wrong += [(f".{name}{at}", said) for at, said in misread.found]
        raise_found(wrong)
        return items

    return read_record


def raise_found(wrong: list[tuple[str, str]]) -> None:
    if wrong:
        misread = Misread(wrong[0][1])
        misread.found = wrong
        raise misread


def json_value(value: Any) -> Any:
    """Read what JSON can hold, with numbers as PostgreSQL gives them back."""
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return json.loads(format(Decimal(repr(value)), "f"))
    if isinstance(value, list):
        return list_of(json_value)(value)
    if isinstance(value, dict):
        return mapping(json_value)(value)
    raise Misread(f"JSON cannot hold {shown(value)}; put it in quotes")


def env_reference(value: Any) -> str:
    match = _ENV.fullmatch(text(value))
    if match is None:
        raise Misread("should be env:NAME, e.g. env:ACME_API_KEY; never the key itself")
    return match[1]


def same(one: Any, other: Any) -> bool:
    """Compare as PostgreSQL's JSON does: 1 and 1.0 are one, 1 and true are two."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def plain(value: Any) -> Any:
    """Return the value as the file writes it; `moment` and `amount` read it again."""
    match value:
        case Decimal():
            digits = format(value.normalize(), "f")
            whole_part, _, fraction = digits.partition(".")
            return f"{whole_part}.{fraction.ljust(2, '0')}"
        case datetime() if value == moment(value.date()):
            return value.date()
        case datetime():
            return value.isoformat()
        case dict():
            return {name: plain(value[name]) for name in sorted(value)}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value
