"""Doing one claimed step: its values put in, its gate passed, its action performed."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from typing import Any

import orjson
from django.db import Error as DatabaseFault
from django.utils import timezone

from gateway.configuration.database_threads import ConfigurationUnavailable
from gateway.configuration.records import KeyRecord
from gateway.telemetry.telling import StepFacts, StepTrace
from workflows.actions.outcomes import ApprovalWanted, Done, Failed, Outcome, Skipped
from workflows.actions.registry import ACTIONS
from workflows.actions.task import Reserved, Task, Tools
from workflows.definitions.expressions.functions import NotComparable
from workflows.definitions.paths import NoSuchValue
from workflows.definitions.placeholders import TooLarge, filled
from workflows.definitions.validation import input_mistakes
from workflows.engine.callers import caller_of
from workflows.engine.claims import Claimed
from workflows.engine.money import reserve
from workflows.engine.recording import digest_of
from workflows.limits import MAX_OUTPUT_BYTES, MAX_STEP_INPUT_BYTES

logger = logging.getLogger(__name__)

# So many mistakes of an input are told.
_MAX_TOLD = 5
# Times and bounds of a step end its attempt and no sooner its engine.
_LEAST_S = 0.01


async def perform(claimed: Claimed, tools: Tools) -> Outcome:
    """Return how the step has ended; never raises for what went wrong in it."""
    telemetry = tools.gateway.telemetry
    if telemetry is None:
        return await _performed(claimed, tools, None)
    run, step = claimed.run, claimed.step
    trace = telemetry.step(StepFacts(run.id, run.name, step.id, step.action))
    outcome: Outcome | None = None
    try:
        outcome = await _performed(claimed, tools, trace)
    finally:
        error = outcome.code if isinstance(outcome, Failed) else ""
        # What was cancelled has no outcome.
        trace.ended("Dropped" if outcome is None else type(outcome).__name__, error)
    return outcome


async def _performed(
    claimed: Claimed, tools: Tools, trace: StepTrace | None
) -> Outcome:
    step = claimed.step
    left_s = (claimed.deadline - timezone.now()).total_seconds()
    time_s = max(min(step.time.total_seconds(), left_s), _LEAST_S)
    try:
        async with asyncio.timeout(time_s):
            outcome = await _perform(claimed, tools, trace)
    except TimeoutError:
        return Failed(
            "step_timed_out", f"It took longer than {time_s:g} s.", may_retry=True
        )
    except (ConfigurationUnavailable, DatabaseFault) as error:
        return Failed("database_unavailable", str(error)[:300], may_retry=True)
    except Exception:
        # A mistake of ours must not stop the run's other steps.
        logger.exception("step failed", extra={"run": str(claimed.run.id)})
        msg = "Something went wrong in the engine; the log says what."
        return Failed("internal_error", msg, may_retry=True)
    return _of_allowed_size(outcome)


async def _perform(claimed: Claimed, tools: Tools, trace: StepTrace | None) -> Outcome:
    step = claimed.step
    if step.action != "condition" and step.when is not None:
        try:
            if not step.when.is_true(claimed.values):
                return Skipped()
        except NotComparable as error:
            return Failed("expression_failed", f"when: {error}")
    try:
        given = _filled_input(claimed)
        message = filled(
            "" if step.gate is None else step.gate.message,
            claimed.values,
            MAX_STEP_INPUT_BYTES,
        )
    except (NoSuchValue, TooLarge) as error:
        return Failed("invalid_input", str(error))
    if mistakes := input_mistakes(step.action, given):
        told = " ".join(map(str, mistakes[:_MAX_TOLD]))
        return Failed("invalid_input", told)
    approved_by = ""
    if step.gate is not None:
        shown = {"step": step.id, "message": message, "input": given}
        wanted = await tools.read(partial(digest_of, shown, claimed.run.project_id))
        if claimed.approved is None or claimed.approved.digest != wanted:
            return ApprovalWanted(shown)
        approved_by = claimed.approved.by
    caller = await caller_of(claimed, tools)
    if caller is None:
        msg = "The API key that started the run works no more."
        return Failed("invalid_api_key", msg)
    task = _task(claimed, given, caller, tools, approved_by, trace)
    outcome: Outcome = await ACTIONS[step.action].perform(task)
    return outcome


def _filled_input(claimed: Claimed) -> dict[str, Any]:
    """Return the input with its placeholders filled.

    What a foreach repeats keeps its own: they are filled for each element.
    """
    said = claimed.step.input
    outer = said
    if claimed.step.action == "foreach":
        outer = {name: each for name, each in said.items() if name != "step"}
    given: dict[str, Any] = filled(outer, claimed.values, MAX_STEP_INPUT_BYTES)
    if outer is not said:
        given["step"] = said["step"]
    return given


def _task(
    claimed: Claimed,
    given: dict[str, Any],
    caller: KeyRecord,
    tools: Tools,
    approved_by: str,
    trace: StepTrace | None,
) -> Task:
    return Task(
        id=claimed.id,
        step=claimed.step,
        input=given,
        values=claimed.values,
        run=claimed.run,
        caller=caller,
        tools=tools,
        reserve=_reserving(claimed, tools),
        approved_by=approved_by,
        consent=claimed.consent,
        trace=trace,
    )


def _reserving(
    claimed: Claimed, tools: Tools
) -> Callable[[Callable[[], Decimal | None]], Awaitable[Reserved]]:
    async def take(wanted: Callable[[], Decimal | None]) -> Reserved:
        if not claimed.has_money_bound:
            return Reserved()
        found: Reserved = await tools.read(
            partial(
                reserve,
                claimed.run.id,
                claimed.id,
                claimed.claim,
                wanted(),
                claimed.step.max_cost_usd,
            )
        )
        return found

    return take


def _of_allowed_size(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Done):
        return outcome
    try:
        size = len(orjson.dumps(outcome.output))
    except (TypeError, ValueError, RecursionError):
        return Failed("invalid_output", "The output is no JSON.", bill=outcome.bill)
    if size <= MAX_OUTPUT_BYTES:
        return outcome
    msg = f"The output has {size} bytes, and may have {MAX_OUTPUT_BYTES}."
    return Failed("output_too_large", msg, bill=outcome.bill)
