"""Waits until somebody agrees. What any step with `approval` does, and nothing after it."""

from workflows.actions.outcomes import Done, Outcome
from workflows.actions.task import Task
from workflows.definitions.steps import JSON
from workflows.limits import MAX_RUN_TIME

CALLS_OUT = False
SUMMARY = "Waits until somebody approves; a rejection is a failure."
GATE: JSON = {
    "message": {"type": "string", "description": "What is asked."},
    "timeoutMs": {
        "type": "integer",
        "minimum": 1_000,
        "maximum": int(MAX_RUN_TIME.total_seconds() * 1000),
        "description": "Afterwards it counts as rejected.",
    },
    "byAnother": {
        "type": "boolean",
        "description": "Whoever started the run may not decide.",
    },
}
INPUT: JSON = {
    "type": "object",
    "properties": {**GATE, "show": {"description": "Any JSON to be looked at."}},
    "additionalProperties": False,
}


async def perform(task: Task) -> Outcome:
    """Say that it was approved: the engine asks before it lets any step begin."""
    return Done({"approved": True, "by": task.approved_by})
