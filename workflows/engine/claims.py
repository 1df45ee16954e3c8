"""What goes between the database, which decides, and the worker, which does."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gateway.telemetry.telling import EndedRun
from workflows.actions.outcomes import Outcome
from workflows.actions.task import RunFacts
from workflows.definitions.steps import Step

# A worker that says nothing for so long is taken for dead.
LEASE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Approved:
    """What somebody has agreed to."""

    digest: str
    by: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A step that this worker is to do now; nobody else will, while the lease holds.

    `key_id` is that of the API key that started the run, empty without one.
    """

    id: UUID
    claim: UUID
    step: Step
    values: dict[str, Any]
    run: RunFacts
    deadline: datetime
    key_id: str = ""
    approved: Approved | None = None
    has_money_bound: bool = False
    consent: UUID | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """How a claimed step has ended. It counts if the claim still does."""

    id: UUID
    claim: UUID
    outcome: Outcome


@dataclass(slots=True)
class Turn:
    """What came of looking at a run."""

    claimed: list[Claimed] = field(default_factory=list)
    # Claims on its steps that are good; who holds another may stop.
    live: set[UUID] = field(default_factory=set)
    is_over: bool = False
    # The run, where this turn has ended it.
    ended: EndedRun | None = None
    next_at: datetime | None = None
    # Other runs to be looked at now: those that were begun, or that wait for this one.
    wake: list[UUID] = field(default_factory=list)
    # Runs that were begun by this one and are no longer wanted.
    cancel: list[UUID] = field(default_factory=list)
