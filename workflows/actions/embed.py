"""Turns texts into vectors."""

import orjson

from workflows.actions.inference import Unanswered, ask
from workflows.actions.outcomes import Done, Outcome
from workflows.actions.task import Task
from workflows.definitions.steps import JSON

CALLS_OUT = True
SUMMARY = "Turns a text, or a list of texts, into vectors."
_TEXTS = {"type": ["string", "array"], "items": {"type": "string"}, "minItems": 1}
INPUT: JSON = {
    "type": "object",
    "properties": {
        "text": _TEXTS,
        "input": {**_TEXTS, "description": "The same as `text`."},
        "model": {"type": "string"},
        "dimensions": {"type": "integer", "minimum": 1},
    },
    "additionalProperties": False,
}


async def perform(task: Task) -> Outcome:
    body = dict(task.input)
    text = body.pop("text", None)
    if text is not None:
        body["input"] = text
    found = await ask(task, "embeddings", body)
    if isinstance(found, Unanswered):
        return found
    reply, bill = found
    answer = orjson.loads(reply.body)
    vectors = [each["embedding"] for each in answer["data"]]
    return Done({"embeddings": vectors, "model": answer.get("model", "")}, bill)
