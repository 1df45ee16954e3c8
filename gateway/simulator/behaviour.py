"""How a model behaves: its latency and pace, its faults, changeable at run time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

EVERY_MODEL = "*"
_SUFFIX = re.compile(r"-(latency|pace|events|cached|written)-(\d+(?:\.\d+)?)$")
_BY_SUFFIX = {
    "latency": "latency_ms",
    "pace": "pace_ms",
    "events": "events",
    "cached": "cached_tokens",
    "written": "cache_write_tokens",
}
_BY_HEADER = {
    b"x-sim-latency-ms": "latency_ms",
    b"x-sim-pace-ms": "pace_ms",
    b"x-sim-events": "events",
    b"x-sim-cached-tokens": "cached_tokens",
    b"x-sim-cache-write-tokens": "cache_write_tokens",
}


@dataclass(frozen=True, slots=True)
class Behaviour:
    """Milliseconds before the first byte and between events, and what goes wrong."""

    latency_ms: float = 0.0
    pace_ms: float = 0.0
    events: int | None = None
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    fault: str | None = None


_NAMES = frozenset(field.name for field in fields(Behaviour))
_WHOLE = frozenset({"events", "cached_tokens", "cache_write_tokens"})


class BadSetting(ValueError):
    """A setting has an unknown name or a value out of range."""


class Behaviours:
    """The defaults, and what has been set since for single models."""

    def __init__(self, defaults: Behaviour) -> None:
        self.defaults = defaults
        self.by_model: dict[str, dict[str, Any]] = {}

    def change(self, model: str, settings: Mapping[str, Any]) -> None:
        """Change a model's behaviour, or every model's when it is `*`."""
        wanted = {name: _checked(name, value) for name, value in settings.items()}
        self.by_model.setdefault(model, {}).update(wanted)

    def reset(self) -> None:
        self.by_model.clear()

    def of(self, model: str, headers: list[tuple[bytes, bytes]]) -> Behaviour:
        """Return how to behave: headers win over the name, it over what was set."""
        base, by_name = split_suffix(model)
        wanted = dict(self.by_model.get(EVERY_MODEL, ()))
        wanted |= self.by_model.get(base, {})
        wanted |= self.by_model.get(model, {})
        wanted |= by_name
        for header, value in headers:
            if (name := _BY_HEADER.get(header)) is not None:
                wanted[name] = _checked(name, value.decode("latin-1"))
        return replace(self.defaults, **wanted) if wanted else self.defaults


def split_suffix(model: str) -> tuple[str, dict[str, Any]]:
    """Split `sim-chat-latency-200-pace-20` into the model and its settings."""
    settings: dict[str, Any] = {}
    while (found := _SUFFIX.search(model)) is not None:
        name = _BY_SUFFIX[found[1]]
        settings[name] = _checked(name, found[2])
        model = model[: found.start()]
    return model, settings


def _checked(name: str, value: Any) -> Any:
    if name not in _NAMES:
        raise BadSetting(f"Unknown setting {name!r}; use {', '.join(sorted(_NAMES))}.")
    if name == "fault":
        return str(value) if value else None
    if value is None and name == "events":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadSetting(f"{name} must be a number, not {value!r}.") from None
    if not 0 <= number <= 3_600_000:
        raise BadSetting(f"{name} must lie between 0 and 3,600,000.")
    return int(number) if name in _WHOLE else number
