"""Rearranges JSON: picks members, maps lists, joins texts. There is no code in it."""

from typing import Any

from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.task import Task
from workflows.definitions.paths import NoSuchValue, look_up
from workflows.definitions.placeholders import as_text
from workflows.definitions.steps import JSON

CALLS_OUT = False
SUMMARY = "Picks, maps and joins JSON; without any of these it is `from` itself."
_PICK: JSON = {
    "type": ["string", "array", "object"],
    "description": "A path, a list of paths, or paths by their new names.",
    "items": {"type": "string"},
    "additionalProperties": {"type": "string"},
}
INPUT: JSON = {
    "type": "object",
    "properties": {
        "from": {"description": "Any JSON, most often `{{step.output}}`."},
        "pick": {**_PICK, "title": "Taken out of `from`."},
        "map": {**_PICK, "title": "Taken out of each element of the list `from`."},
        "join": {"type": "string", "description": "Between the texts of a list."},
    },
    "required": ["from"],
    "additionalProperties": False,
}


async def perform(task: Task) -> Outcome:
    try:
        return Done(_transformed(task.input))
    except (NoSuchValue, TypeError) as error:
        return Failed("transform_failed", str(error))


def _transformed(said: JSON) -> Any:
    """Return what comes out, in the order pick, map, join."""
    value = said["from"]
    if (wanted := said.get("pick")) is not None:
        value = _picked(value, wanted)
    if (wanted := said.get("map")) is not None:
        value = [_picked(each, wanted) for each in _list(value, "map")]
    if (between := said.get("join")) is not None:
        value = between.join(as_text(each) for each in _list(value, "join"))
    return value


def _picked(value: Any, wanted: Any) -> Any:
    if isinstance(wanted, str):
        return _at(value, wanted)
    if isinstance(wanted, dict):
        return {name: _at(value, path) for name, path in wanted.items()}
    return {path.rpartition(".")[2]: _at(value, path) for path in wanted}


def _at(value: Any, path: str) -> Any:
    return look_up(("value", *path.split(".")), {"value": value})


def _list(value: Any, verb: str) -> list[Any]:
    if isinstance(value, list):
        return value
    msg = f"{verb!r} needs a list, and there is {type(value).__name__}."
    raise TypeError(msg)
