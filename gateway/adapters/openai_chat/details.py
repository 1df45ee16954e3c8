"""OpenRouter's `reasoning_details`, which it wants back as they were.

https://openrouter.ai/docs/use-cases/reasoning-tokens
"""

from typing import Any

from gateway.adapters.openai_chat.content import dumps_or
from gateway.types import JSON

_GROWING = ("text", "summary", "data")


class DetailsReader:
    """Puts the details of a stream together by their index."""

    __slots__ = ("_details",)

    def __init__(self) -> None:
        self._details: dict[Any, JSON] = {}

    def read(self, fragments: list[Any]) -> None:
        for fragment in fragments:
            if type(fragment) is not dict:
                continue
            index, kind = fragment.get("index"), fragment.get("type")
            key = (
                index if type(index) is int else None,
                kind if isinstance(kind, str) else None,
            )
            known = self._details.setdefault(key, {})
            for name, value in fragment.items():
                told = known.get(name)
                if name in _GROWING and isinstance(told, str):
                    if isinstance(value, str):
                        known[name] = told + value
                elif value is not None or name not in known:
                    known[name] = value

    def sealed(self) -> str:
        """Return all of them as JSON text."""
        details = list(self._details.values())
        return dumps_or(details, "") if details else ""
