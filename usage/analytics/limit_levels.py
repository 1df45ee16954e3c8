"""How much of its limits a project uses at the moment, which the app that keeps them knows."""

from collections.abc import Callable, Mapping

# The share of each limit that is used, by its id, from 0 to 1.
Levels = Mapping[int, float]
Provider = Callable[[int], Levels]

_providers: list[Provider] = []


def provide(provider: Provider) -> None:
    """Name who knows about limits. Called once, when the apps are ready."""
    _providers[:] = [provider]


def limit_levels(project_id: int) -> Levels:
    """Return what is used of the project's limits; those it cannot tell are left out."""
    for provider in _providers:
        return provider(project_id)
    return {}
