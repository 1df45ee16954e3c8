"""Chooses the way: `onSuccess` when it holds, else `onFailure`."""

from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.task import Task
from workflows.definitions.expressions.functions import NotComparable
from workflows.definitions.steps import JSON

CALLS_OUT = False
SUMMARY = "Goes on with `onSuccess` when its `when` holds, else with `onFailure`."
INPUT: JSON = {"type": "object", "additionalProperties": False}


async def perform(task: Task) -> Outcome:
    assert task.step.when is not None  # noqa: S101  # Validation has seen to it.
    try:
        holds = task.step.when.is_true(task.values)
    except NotComparable as error:
        return Failed("expression_failed", str(error))
    return Done(holds, holds=holds)
