"""Answers that must be JSON: asked for as the model can, checked, and repaired once."""

import re
from typing import Any

import msgspec
import orjson

from gateway.canonical import (
    ChatRequest,
    ChatResult,
    Choice,
    Message,
    OutputFormat,
    Text,
)
from gateway.schema_check import SchemaRefused, check_schema, violation

# Native support, the first named being the better; what else can be told in words.
_SCHEMA, _JSON = "json_schema", "json_mode"
_FENCED = re.compile(r"\A\s*```(?:json|JSON)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_PLAIN = OutputFormat()
_MAX_QUOTED = 20_000


def check_format(wanted: OutputFormat) -> None:
    """Raise `SchemaRefused` for a schema that no answer could be checked against."""
    if wanted.kind == "json_schema":
        check_schema(wanted.schema)


def instructed(request: ChatRequest, capabilities: frozenset[str]) -> ChatRequest:
    """Return the request as a model of these capabilities can be asked it.

    The very same request when the model takes the format as it is.
    """
    wanted = request.output_format
    if wanted.kind == "text" or _SCHEMA in capabilities:
        return request
    has_json = _JSON in capabilities
    if wanted.kind == "json_object" and has_json:
        return request
    said = _instruction(wanted)
    return msgspec.structs.replace(
        request,
        messages=(Message("system", (Text(said),)), *request.messages),
        output_format=OutputFormat("json_object") if has_json else _PLAIN,
    )


def _instruction(wanted: OutputFormat) -> str:
    only = "Answer with one JSON object only: no other text, no Markdown."
    if wanted.kind == "json_object":
        return only
    schema = orjson.dumps(wanted.schema).decode()
    return f"{only} It must fit this JSON schema:\n{schema}"


def repaired(request: ChatRequest, answer: str, reason: str) -> ChatRequest:
    """Return the request again, with the answer that it got and what is wrong with it."""
    said = (
        f"That answer does not fit what was asked for ({reason}). Answer again, with "
        "the corrected JSON object only: no other text, no Markdown."
    )
    return msgspec.structs.replace(
        request,
        messages=(
            *request.messages,
            Message("assistant", (Text(answer[:_MAX_QUOTED] or "(nothing)"),)),
            Message("user", (Text(said),)),
        ),
    )


def unfenced(result: ChatResult) -> ChatResult:
    """Return the result with JSON that was put into a Markdown fence taken out of it."""
    choices = tuple(_unfenced(choice) for choice in result.choices)
    if all(new is old for new, old in zip(choices, result.choices, strict=True)):
        return result
    return msgspec.structs.replace(result, choices=choices)


def _unfenced(choice: Choice) -> Choice:
    found = _FENCED.match(_text_of(choice))
    if found is None:
        return choice
    kept = tuple(part for part in choice.parts if not isinstance(part, Text))
    return msgspec.structs.replace(choice, parts=(*kept, Text(found[1])))


def fault_of(result: ChatResult, wanted: OutputFormat) -> tuple[str, str] | None:
    """Return the first answer that breaks the format, and how; None when all keep it.

    Only what came to its own end is looked at: not calls, refusals and cut answers.
    Raises `SchemaRefused`.
    """
    for choice in result.choices:
        text = _text_of(choice)
        if choice.finish_reason != "stop" or not text:
            continue
        if reason := _violation(text, wanted):
            return text, reason
    return None


def _violation(text: str, wanted: OutputFormat) -> str:
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return f"it is not valid JSON: {error.msg}"
    if wanted.kind == "json_object":
        return "" if isinstance(value, dict) else "it is no JSON object"
    return violation(wanted.schema, value)


def _text_of(choice: Choice) -> str:
    return "".join(part.text for part in choice.parts if isinstance(part, Text))


__all__ = [
    "SchemaRefused",
    "check_format",
    "fault_of",
    "instructed",
    "repaired",
    "unfenced",
]
