"""Figures of workflow runs, which the app that runs them gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Runs that began in a stretch of time."""

    total: int = 0
    completed: int = 0
    failed: int = 0
    active: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def success_rate(self) -> float | None:
        ended = self.completed + self.failed
        return self.completed / ended if ended else None


# Takes two moments, and the organizations and projects that are meant by their columns.
Provider = Callable[[datetime, datetime, Mapping[str, Sequence[str | int]]], RunFigures]

_providers: list[Provider] = []


def provide(provider: Provider) -> None:
    """Name who knows about runs. Called once, when the apps are ready."""
    _providers[:] = [provider]


def run_figures(
    begin: datetime, end: datetime, where: Mapping[str, Sequence[str | int]]
) -> RunFigures:
    whose = {
        name: where[name] for name in ("organization_id", "project_id") if name in where
    }
    for provider in _providers:
        return provider(begin, end, whose)
    return RunFigures()
