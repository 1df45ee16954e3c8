"""Does one step for each element of a list."""

from workflows.actions.outcomes import ItemsWanted, Outcome
from workflows.actions.task import Task
from workflows.definitions.steps import JSON
from workflows.limits import MAX_ITEMS, MAX_ITEMS_AT_ONCE, USUAL_ITEMS_AT_ONCE

CALLS_OUT = False
SUMMARY = "Does `step` for each of `items`; inside it there are `item` and `index`."
INPUT: JSON = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "maxItems": MAX_ITEMS},
        "concurrency": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_ITEMS_AT_ONCE,
            "default": USUAL_ITEMS_AT_ONCE,
        },
        "continueOnError": {
            "type": "boolean",
            "description": "An element that fails becomes null, and the others go on.",
        },
        "step": {
            "type": "object",
            "description": "A step without an id and without links.",
        },
    },
    "required": ["items", "step"],
    "additionalProperties": False,
}
# Actions that a foreach may repeat.
REPEATABLE = ("generate", "embed", "speech", "transform", "webhook")


async def perform(task: Task) -> Outcome:
    said = task.input
    return ItemsWanted(
        said["items"],
        said.get("concurrency", USUAL_ITEMS_AT_ONCE),
        said.get("continueOnError", False),
    )
