"""Reading a body that may be anything."""

from typing import Any

from gateway.body_fields import Malformed
from gateway.types import JSON

NAME = "anthropic_messages"


def text_at(holder: JSON, name: str, at: str, *, default: str | None = None) -> str:
    """Return the text under that name. Raises `Malformed`; `at` says where we are."""
    value = holder.get(name, default)
    if type(value) is str:
        return value
    if value is None and default is not None:
        return default
    where = f"{at}.{name}" if at else name
    msg = f"'{where}' must be a string."
    raise Malformed(msg, where)


def object_at(value: Any, where: str) -> JSON:
    if type(value) is dict:
        return value
    msg = f"'{where}' must be an object."
    raise Malformed(msg, where)


def list_at(value: Any, where: str) -> list[Any]:
    if type(value) is list:
        return value
    msg = f"'{where}' must be a list."
    raise Malformed(msg, where)


def share_at(holder: JSON, name: str) -> float | None:
    """Return the number from 0 to 1 under that name."""
    value = holder.get(name)
    if value is None or (type(value) in {int, float} and 0 <= value <= 1):
        return value
    msg = f"'{name}' must be a number from 0 to 1."
    raise Malformed(msg, name)


def count_at(holder: JSON, name: str, at: str = "", *, least: int = 0) -> int | None:
    value = holder.get(name)
    if value is None or (type(value) is int and value >= least):
        return value
    where = f"{at}.{name}" if at else name
    msg = f"'{where}' must be a whole number of at least {least}."
    raise Malformed(msg, where)
