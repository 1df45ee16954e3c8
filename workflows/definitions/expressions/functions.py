"""What comparisons and functions make of the values of JSON."""

from collections.abc import Callable
from typing import Any

_ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
COMPARISONS = frozenset({*_ORDERED, "==", "!=", "in"})


class NotComparable(ValueError):
    """The values are not what the expression takes them for."""


def truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise NotComparable(f"{shown(value)} is neither true nor false.")


def compare(sign: str, left: Any, right: Any) -> bool:
    if sign == "in":
        return _contains(right, left)
    if sign in {"==", "!="}:
        return _same(left, right) is (sign == "==")
    for kind in (str, (int, float)):
        if (
            isinstance(left, kind)
            and isinstance(right, kind)
            and not _any_bool(left, right)
        ):
            return _ORDERED[sign](left, right)
    msg = f"{shown(left)} {sign} {shown(right)}: only two numbers or two texts have an order."
    raise NotComparable(msg)


def _same(left: Any, right: Any) -> bool:
    """Say whether two JSON values are the same; true is not 1."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def _any_bool(*values: Any) -> bool:
    return any(isinstance(value, bool) for value in values)


def _contains(whole: Any, part: Any) -> bool:
    match whole:
        case None:
            return False
        case str() if isinstance(part, str):
            return part in whole
        case list():
            return any(_same(part, each) for each in whole)
        case dict() if isinstance(part, str):
            return part in whole
    msg = f"{shown(whole)} cannot contain {shown(part)}."
    raise NotComparable(msg)


def _length(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, str | list | dict):
        return len(value)
    raise NotComparable(f"{shown(value)} has no length.")


def _number(value: Any) -> float | int | None:
    """Return a text as the number it is; null when it is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) <= 40:
        try:
            found = float(value)
        except ValueError:
            return None
        return found if abs(found) < 1e300 else None
    return None


def _lower(value: Any) -> str:
    return _text(value).lower()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    raise NotComparable(f"{shown(value)} is no text.")


def shown(value: Any) -> str:
    """Name a value in a message by its kind: it may be long, and nobody's business."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
    return "an object"


FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "contains": (2, _contains),
    "length": (1, _length),
    "size": (1, _length),
    "number": (1, _number),
    "lower": (1, _lower),
    "startsWith": (2, lambda whole, part: _text(whole).startswith(_text(part))),
    "endsWith": (2, lambda whole, part: _text(whole).endswith(_text(part))),
}
