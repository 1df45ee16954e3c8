"""What an action is given to do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from gateway.configuration.records import KeyRecord
from gateway.serve import Gateway
from gateway.telemetry.telling import StepTrace
from workflows.definitions.paths import Values
from workflows.definitions.steps import Step

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Tools:
    """What actions reach the world with.

    `read` runs a function that asks the database, outside of the event loop.
    """

    gateway: Gateway
    read: Callable[[Callable[[], Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What an action may know of its run."""

    id: UUID
    project_id: int
    name: str
    end_user: str
    depth: int
    strict_providers: bool


@dataclass(frozen=True, slots=True)
class Task:
    """One step with its placeholders filled.

    `id` is the same for every attempt. `reserve` takes as much of the run's money as is
    left of what is wanted, which it asks for when the run has a bound; else None.
    """

    id: UUID
    step: Step
    input: dict[str, Any]
    values: Values
    run: RunFacts
    caller: KeyRecord
    tools: Tools
    reserve: Callable[[Callable[[], Decimal | None]], Awaitable["Reserved"]]
    approved_by: str = ""
    # The project's approval of the request that the step sends.
    consent: UUID | None = None
    trace: StepTrace | None = None


@dataclass(frozen=True, slots=True)
class Reserved:
    """The most that may be spent; None: as much as it costs. `must_wait`: not just now."""

    usd: Decimal | None = None
    must_wait: bool = False
