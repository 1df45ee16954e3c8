"""A chat request of any dialect as a chat completions body."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import orjson

from gateway.adapters.openai_chat.messages import MessageWriter
from gateway.adapters.openai_chat.protocol import NAME
from gateway.adapters.openai_chat.tools import has_strict_shape, write_tools
from gateway.canonical import ChatRequest, OutputFormat
from gateway.openai_families import Family, effort_of, family_of
from gateway.types import JSON, Quirks

_MAX_STOPS = 4
_MAX_END_USER = 128
_NO_NAME = re.compile(r"[^a-zA-Z0-9_-]")

_SAY_JSON = "Answer with a single JSON object."

# Our words for what the protocol calls otherwise.
_CANONICAL = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "n": "choices",
    "response_format": "output_format",
    "reasoning_effort": "effort",
    "top_logprobs": "logprobs",
    "user": "end_user",
    "safety_identifier": "end_user",
}
_REFUSED_BY_REASONING = (
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "stop",
    "modalities",
    "audio",
    "prediction",
)
# Taken by some of them as long as they do not reason.
_SAMPLING = ("top_p", "logprobs", "top_logprobs")


def build_request(
    request: ChatRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[JSON, list[str]]:
    """Return the body, and the names of what has no counterpart and was dropped.

    `max_output_tokens` is not used: this protocol needs no bound.
    """
    family = family_of(model_id)
    writer = MessageWriter(model_id, family)
    body: JSON = {"model": model_id, "messages": writer.write(request.messages)}
    body.update(
        (name, value)
        for name, value in _parameters(request, family, quirks)
        if value is not None
    )
    if request.output_format.kind == "json_object":
        _ask_for_json(body["messages"])
    dropped = [
        *writer.dropped,
        *write_tools(request, body),
        *_write_thinking(request, family, body),
        *_write_own(request, quirks, body),
        *_take_out_refused(body, family),
    ]
    if len(request.stop) > _MAX_STOPS:
        dropped.append("stop")
    if request.stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    for name in quirks.drop_params & body.keys():
        del body[name]
        if name not in {"model", "stream_options"}:
            dropped.append(name)
    sent = quirks.applied_to(body)
    return sent, list(dict.fromkeys(_CANONICAL.get(name, name) for name in dropped))


def _parameters(
    request: ChatRequest, family: Family, quirks: Quirks
) -> Iterator[tuple[str, Any]]:
    yield _name_of_bound(family, quirks), request.max_output_tokens
    yield "temperature", request.temperature
    yield "top_p", request.top_p
    yield "stop", list(request.stop[:_MAX_STOPS]) or None
    yield "seed", request.seed
    yield "n", request.choices if request.choices != 1 else None
    yield "presence_penalty", request.presence_penalty
    yield "frequency_penalty", request.frequency_penalty
    if request.logprobs is not None:
        yield "logprobs", True
        yield "top_logprobs", request.logprobs or None
    yield "response_format", _response_format(request.output_format)
    yield "metadata", request.metadata or None
    if request.end_user:
        yield _end_user(request.end_user, family)


def _name_of_bound(family: Family, quirks: Quirks) -> str:
    name, other = "max_tokens", "max_completion_tokens"
    if family.reasons:
        name, other = other, name
    return other if name in quirks.drop_params else name


def _end_user(end_user: str, family: Family) -> tuple[str, str]:
    if not family.reasons:
        return "user", end_user
    if len(end_user) > _MAX_END_USER:
        end_user = hashlib.sha256(end_user.encode()).hexdigest()
    return "safety_identifier", end_user


def _response_format(wanted: OutputFormat) -> JSON | None:
    if wanted.kind == "text":
        return None
    if wanted.kind == "json_object":
        return {"type": "json_object"}
    described: JSON = {
        "name": _NO_NAME.sub("_", wanted.name)[:64] or "answer",
        "schema": wanted.schema,
    }
    if wanted.strict and has_strict_shape(wanted.schema):
        described["strict"] = True
    return {"type": "json_schema", "json_schema": described}


def _ask_for_json(messages: list[JSON]) -> None:
    """Name JSON in the messages, without which the format is refused."""
    if any(b"json" in orjson.dumps(m.get("content")).lower() for m in messages):
        return
    first = messages[0] if messages else {}
    if first.get("role") == "system" and isinstance(first["content"], str):
        first["content"] += f"\n\n{_SAY_JSON}"
    else:
        messages.insert(0, {"role": "system", "content": _SAY_JSON})


def _write_thinking(request: ChatRequest, family: Family, body: JSON) -> list[str]:
    """Write the effort, taken from the budget when only that is given."""
    effort, budget = request.effort, request.thinking_budget
    dropped = []
    told = "effort"
    if budget is not None:
        if effort or budget < 0:
            dropped.append("thinking_budget")
        else:
            effort, told = effort_of(budget), "thinking_budget"
    if accepted := family.effort_for(effort):
        body["reasoning_effort"] = accepted
    elif effort and effort != "none":
        dropped.append(told)
    return dropped


def _write_own(request: ChatRequest, quirks: Quirks, body: JSON) -> list[str]:
    """Write what only this protocol knows, or only some who speak it."""
    dropped = []
    if request.top_k is not None:
        # A provider that takes it has it renamed to itself.
        if "top_k" in quirks.rename_params:
            body["top_k"] = request.top_k
        else:
            dropped.append("top_k")
    if request.protocol == NAME:
        body.update((n, v) for n, v in request.extra.items() if n not in body)
    else:
        dropped += sorted(request.extra)
    return dropped


def _take_out_refused(body: JSON, family: Family) -> list[str]:
    """Take out what the model would refuse; return the names."""
    if not family.reasons:
        return []
    refused = list(_REFUSED_BY_REASONING)
    effort = body.get("reasoning_effort", "")
    if not (family.samples_at_rest and family.is_at_rest(effort)):
        refused += _SAMPLING
        if body.get("temperature") != 1:
            refused.append("temperature")
    return [name for name in refused if body.pop(name, None) is not None]
