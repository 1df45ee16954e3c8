"""Speaks a text."""

import base64

from workflows.actions.inference import Unanswered, ask
from workflows.actions.outcomes import Done, Outcome
from workflows.actions.task import Task
from workflows.definitions.steps import JSON

CALLS_OUT = True
SUMMARY = "Speaks a text; the sound is base64."
INPUT: JSON = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "input": {"type": "string", "description": "The same as `text`."},
        "voice": {"type": "string"},
        "model": {"type": "string"},
        "format": {"type": "string", "description": "mp3, wav, …"},
        "speed": {"type": "number"},
        "instructions": {"type": "string"},
    },
    "additionalProperties": False,
}


async def perform(task: Task) -> Outcome:
    body = dict(task.input)
    for ours, theirs in (("text", "input"), ("format", "response_format")):
        value = body.pop(ours, None)
        if value is not None:
            body[theirs] = value
    found = await ask(task, "speech", body)
    if isinstance(found, Unanswered):
        return found
    reply, bill = found
    content_type = dict(reply.headers).get(b"content-type", b"").decode("latin-1")
    audio = base64.b64encode(reply.body).decode("ascii")
    return Done({"audio": audio, "contentType": content_type}, bill)
