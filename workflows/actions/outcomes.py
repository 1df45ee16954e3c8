"""How an action may end."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Bill:
    """What a step used: who answered, for how much. None: not known."""

    cost_usd: Decimal | None = Decimal(0)
    provider: str = ""
    model: str = ""
    request_id: str = ""


FREE = Bill()


@dataclass(frozen=True, slots=True)
class Done:
    """`holds` is what a condition found; every other action is as it should be."""

    output: Any = None
    bill: Bill = FREE
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Skipped:
    """Its `when` does not hold."""


@dataclass(frozen=True, slots=True)
class Failed:
    """`may_retry` says whether another attempt might do better."""

    code: str
    message: str
    may_retry: bool = False
    retry_after_s: float = 0.0
    bill: Bill = FREE


@dataclass(frozen=True, slots=True)
class Postponed:
    """Nothing was done yet: a limit of the project has no room at the moment."""

    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """To go on at that moment; the output is then the step's."""

    until: datetime
    output: Any = None


@dataclass(frozen=True, slots=True)
class ApprovalWanted:
    """Somebody has to agree to what is shown."""

    shown: Any


@dataclass(frozen=True, slots=True)
class ConsentWanted:
    """The project lets nothing so dear pass before its own people agree to the request."""

    approval_id: UUID
    message: str


@dataclass(frozen=True, slots=True)
class RunWanted:
    """Another workflow is to run, and its end to be waited for."""

    version_id: UUID
    input: Any
    max_cost_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ItemsWanted:
    """The step is to be done for each of these, so many at a time."""

    items: list[Any]
    at_once: int
    goes_on: bool


Outcome = (
    Done
    | Skipped
    | Failed
    | Postponed
    | Waiting
    | ApprovalWanted
    | ConsentWanted
    | RunWanted
    | ItemsWanted
)
