"""Targets that are left alone for a while, which the app that asks them knows."""

from collections.abc import Callable, Sequence
from typing import NamedTuple


class OpenBreaker(NamedTuple):
    provider: str
    model: str
    state: str


Provider = Callable[[], Sequence[OpenBreaker]]

_providers: list[Provider] = []


def provide(provider: Provider) -> None:
    """Name who knows about breakers. Called once, when the apps are ready."""
    _providers[:] = [provider]


def open_breakers() -> Sequence[OpenBreaker]:
    """Return the breakers of this host that are not closed."""
    for provider in _providers:
        return provider()
    return ()
