"""What the readers of requests share: how to look, and how to refuse."""

from typing import Any, NoReturn, TypeGuard

from gateway.simulator.types import Failure, Refused


def refuse(message: str, param: str | None = None, kind: str = "invalid") -> NoReturn:
    raise Refused(Failure(400, kind, message, param))


def whole_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def names_in(text: str) -> frozenset[str]:
    """Return the words of a list that is written as a sentence."""
    return frozenset(text.split())
