"""Runs another workflow of the project and waits for its end."""

from functools import partial

from workflows.actions.outcomes import Failed, Outcome, Postponed, RunWanted
from workflows.actions.task import Task
from workflows.definitions.steps import JSON
from workflows.limits import MAX_DEPTH
from workflows.models import WorkflowVersion

CALLS_OUT = False
SUMMARY = "Runs another workflow of the project; its output is the step's."
INPUT: JSON = {
    "type": "object",
    "properties": {
        "workflow": {"type": "string", "description": "Its name, or its id."},
        "workflowId": {"type": "string", "description": "The same."},
        "input": {"type": "object"},
    },
    "additionalProperties": False,
    "minProperties": 1,
}


async def perform(task: Task) -> Outcome:
    if task.run.depth + 1 > MAX_DEPTH:
        msg = f"Workflows may run one another {MAX_DEPTH} deep."
        return Failed("too_deep", msg)
    name = task.input.get("workflow") or task.input.get("workflowId") or ""
    version_id = await task.tools.read(
        partial(WorkflowVersion.active_id, task.run.project_id, name)
    )
    if version_id is None:
        return Failed("not_found", f"There is no active workflow {name[:100]!r}.")
    reserved = await task.reserve(lambda: None)
    if reserved.must_wait:
        return Postponed(0.5, "money of the run is in use")
    return RunWanted(version_id, task.input.get("input", {}), reserved.usd)
