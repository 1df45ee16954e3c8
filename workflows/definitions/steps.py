"""A definition as the engine reads it, once it has been found to be free of mistakes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from workflows.definitions.expressions.expression import Expression
from workflows.definitions.expressions.expression import parse as parse_expression
from workflows.definitions.paths import INPUT, Path
from workflows.definitions.placeholders import paths_in
from workflows.limits import USUAL_APPROVAL_TIME, USUAL_RUN_TIME, USUAL_STEP_TIME

JSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Retry:
    max_attempts: int = 1
    delay: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Gate:
    """Who has to agree before a step is done."""

    message: str = ""
    time: timedelta = USUAL_APPROVAL_TIME
    by_another: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """`depends_on` None: it begins when another step leads to it, or with the run."""

    id: str
    action: str
    provider: str = ""
    model: str = ""
    input: JSON = field(default_factory=dict)
    when: Expression | None = None
    retry: Retry = Retry()
    on_success: tuple[str, ...] = ()
    on_failure: tuple[str, ...] = ()
    depends_on: tuple[str, ...] | None = None
    max_cost_usd: Decimal | None = None
    gate: Gate | None = None
    time: timedelta = USUAL_STEP_TIME
    asks_when_interrupted: bool = False

    def paths(self) -> frozenset[Path]:
        """Return the names of all values that the step may ask for."""
        named = {path for _, path in paths_in(self.input)}
        if self.gate is not None:
            named |= {path for _, path in paths_in(self.gate.message)}
        if self.when is not None:
            named.update(self.when.paths)
        return frozenset(named)


@dataclass(frozen=True, slots=True)
class Definition:
    name: str
    steps: Mapping[str, Step]
    version: int | None = None
    max_cost_usd: Decimal | None = None
    time: timedelta = USUAL_RUN_TIME
    strict_providers: bool = False

    def inputs(self) -> frozenset[str]:
        """Return the names of the run's inputs that any step asks for."""
        return frozenset(
            path[1]
            for step in self.steps.values()
            for path in step.paths()
            if path[0] == INPUT and len(path) > 1
        )


def read_definition(said: JSON) -> Definition:
    """Return a definition that `mistakes_in` has found nothing wrong with."""
    steps = [_step(each) for each in said["steps"]]
    return Definition(
        name=said["name"],
        steps={step.id: step for step in steps},
        version=said.get("version"),
        max_cost_usd=_usd(said.get("maxCostUSD")),
        time=_time(said.get("timeoutMs"), USUAL_RUN_TIME),
        strict_providers=said.get("strictProviders", False),
    )


def as_links(said: Any) -> tuple[str, ...]:
    """Return the steps of an `onSuccess`, `onFailure` or `dependsOn`."""
    if said is None:
        return ()
    return (said,) if isinstance(said, str) else tuple(said)


def _step(said: JSON) -> Step:
    depends_on = said.get("dependsOn")
    when = said.get("when")
    return Step(
        id=said["id"],
        action=said["action"],
        provider=said.get("provider", ""),
        model=said.get("model", ""),
        input=said.get("input", {}),
        when=None if when is None else parse_expression(when),
        retry=_retry(said.get("retry")),
        on_success=as_links(said.get("onSuccess")),
        on_failure=as_links(said.get("onFailure")),
        depends_on=None if depends_on is None else as_links(depends_on),
        max_cost_usd=_usd(said.get("maxCostUSD")),
        gate=_gate(said),
        time=_time(said.get("timeoutMs"), USUAL_STEP_TIME),
        asks_when_interrupted=said.get("onInterrupted") == "ask",
    )


def _retry(said: JSON | None) -> Retry:
    if said is None:
        return Retry()
    return Retry(
        said.get("maxAttempts", 1), timedelta(milliseconds=said.get("delayMs", 1000))
    )


def _gate(said: JSON) -> Gate | None:
    wanted = said.get("approval")
    if said["action"] == "approval":
        wanted = {
            **(wanted if isinstance(wanted, dict) else {}),
            **said.get("input", {}),
        }
    if wanted is None or wanted is False:
        return None
    if wanted is True:
        return Gate()
    return Gate(
        message=wanted.get("message", ""),
        time=_time(wanted.get("timeoutMs"), USUAL_APPROVAL_TIME),
        by_another=wanted.get("byAnother", False),
    )


def _time(milliseconds: int | None, usual: timedelta) -> timedelta:
    return usual if milliseconds is None else timedelta(milliseconds=milliseconds)


def _usd(amount: float | str | None) -> Decimal | None:
    return None if amount is None else Decimal(str(amount))
