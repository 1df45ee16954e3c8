"""Asks a model: a conversation, or any other operation of the API."""

import orjson

from workflows.actions.inference import VIEWS, Unanswered, ask
from workflows.actions.outcomes import Done, Failed, Outcome
from workflows.actions.task import Task
from workflows.definitions.steps import JSON

CALLS_OUT = True
SUMMARY = "Asks a model, as POST /api/ai/generate does."
INPUT: JSON = {
    "type": "object",
    "properties": {
        "operation": {
            "type": "string",
            "enum": list(VIEWS),
            "default": "chat",
            "description": "Another operation takes the fields of its own route.",
        },
        "prompt": {"type": "string"},
        "messages": {"type": "array", "items": {"type": "object"}},
        "systemPrompt": {"type": "string"},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "maxTokens": {"type": "integer", "minimum": 1},
        "responseFormat": {"type": ["string", "object"]},
        "context": {
            "type": "object",
            "description": "What is told of the run's end user: {scope, …}.",
        },
    },
}


async def perform(task: Task) -> Outcome:
    body = dict(task.input)
    operation = body.pop("operation", "chat")
    found = await ask(task, operation, body)
    if isinstance(found, Unanswered):
        return found
    reply, bill = found
    content_type = dict(reply.headers).get(b"content-type", b"")
    if not content_type.startswith(b"application/json"):
        return Failed(
            "invalid_request",
            f"The operation {operation!r} gives no JSON; use its own action.",
            bill=bill,
        )
    answer = orjson.loads(reply.body)
    if operation != "chat":
        return Done(answer, bill)
    parsed = answer.get("parsed")
    return Done(answer.get("content") if parsed is None else parsed, bill)
