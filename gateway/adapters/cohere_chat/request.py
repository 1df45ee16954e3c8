"""Requests, as they are sent to a provider."""

from typing import Any

import orjson

from gateway.adapters.cohere_chat.messages import build_messages
from gateway.adapters.cohere_chat.models import Abilities, abilities_of
from gateway.adapters.cohere_chat.schema import Inexpressible, convert_schema
from gateway.adapters.cohere_chat.tools import write_tools
from gateway.adapters.cohere_chat.wire import NAME
from gateway.canonical import ChatRequest, OutputFormat
from gateway.types import JSON, Quirks

_MAX_STOPS = 5
_MAX_TOP_K = 500
_LEAST_P, _MOST_P = 0.01, 0.99

# Canonical names of members that are called something else here.
_WORDS = {
    "max_tokens": "max_output_tokens",
    "p": "top_p",
    "k": "top_k",
    "stop_sequences": "stop",
    "thinking": "effort",
    "response_format": "output_format",
}


def build_request(
    request: ChatRequest, model_id: str, quirks: Quirks, max_output_tokens: int | None
) -> tuple[JSON, list[str]]:
    """Return the body and the names of what has no counterpart in it."""
    abilities = abilities_of(model_id)
    dropped = _without_counterpart(request)
    tools = write_tools(request, abilities, dropped)
    form, instruction = _output(request.output_format, has_tools="tools" in tools)
    messages = build_messages(request.messages, abilities, instruction, dropped)
    body: JSON = {"model": model_id, "messages": messages, **tools}
    if form:
        body["response_format"] = form
    body |= _bounds(request, max_output_tokens, dropped)
    body |= _sampling(request, dropped)
    body |= _thinking(request, abilities, dropped)
    if request.protocol == NAME:
        body = {**request.extra, **body}
    else:
        dropped += request.extra
    if request.stream:
        body["stream"] = True
    return _with_quirks(body, quirks, dropped), list(dict.fromkeys(dropped))


def _without_counterpart(request: ChatRequest) -> list[str]:
    """Return the names of what the protocol cannot say at all."""
    asked = {
        "choices": request.choices > 1,
        "parallel_tool_calls": request.parallel_tool_calls is False,
        # The figures of the chosen tokens alone can be had.
        "top_logprobs": bool(request.logprobs),
        "end_user": bool(request.end_user),
        "metadata": bool(request.metadata),
    }
    return [name for name, is_asked in asked.items() if is_asked]


def _output(wanted: OutputFormat, *, has_tools: bool) -> tuple[JSON | None, str]:
    """Return the format, and the instruction that it needs or that replaces it.

    Beside tools no format is accepted.
    """
    if wanted.kind == "text":
        return None, ""
    form: JSON | None = None if has_tools else {"type": "json_object"}
    told = "Answer with a single JSON object and nothing else: no prose, no code fence."
    if wanted.kind == "json_object":
        return form, told
    if not has_tools:
        try:
            schema = convert_schema(wanted.schema)
        except Inexpressible:
            pass
        else:
            return {"type": "json_object", "json_schema": schema}, ""
    written = orjson.dumps(wanted.schema).decode()
    return form, f"{told} It must match this JSON schema: {written}"


def _bounds(request: ChatRequest, known: int | None, dropped: list[str]) -> JSON:
    sent: JSON = {}
    if request.max_output_tokens is not None:
        # More than the model can say is refused.
        sent["max_tokens"] = min(request.max_output_tokens, known or 2**31)
    if request.stop:
        sent["stop_sequences"] = list(request.stop[:_MAX_STOPS])
        if len(request.stop) > _MAX_STOPS:
            dropped.append("stop")
    return sent


def _sampling(request: ChatRequest, dropped: list[str]) -> JSON:
    """Return the parameters of sampling, brought into the ranges that are accepted."""
    sent: dict[str, Any] = {}
    if request.temperature is not None:
        sent["temperature"] = min(max(request.temperature, 0), 1)
    if request.top_p is not None:
        sent["p"] = min(max(request.top_p, _LEAST_P), _MOST_P)
    if request.top_k is not None:
        sent["k"] = min(max(request.top_k, 0), _MAX_TOP_K)
    if request.seed is not None:
        if request.seed >= 0:
            sent["seed"] = request.seed
        else:
            dropped.append("seed")
    # Several models refuse the two together.
    for name in ("frequency_penalty", "presence_penalty"):
        wanted = getattr(request, name)
        if not wanted:
            continue
        if wanted > 0 and "frequency_penalty" not in sent:
            sent[name] = min(wanted, 1)
        else:
            dropped.append(name)
    if request.logprobs is not None:
        sent["logprobs"] = True
    return sent


def _thinking(request: ChatRequest, abilities: Abilities, dropped: list[str]) -> JSON:
    effort, budget = request.effort, request.thinking_budget
    if not effort and budget is None:
        return {}
    is_off = effort == "none" or (not effort and budget == 0)
    if not abilities.thinks:
        if not is_off:
            dropped.append("effort" if effort else "thinking_budget")
        return {}
    if is_off:
        return {"thinking": {"type": "disabled"}}
    thinking: JSON = {"type": "enabled"}
    if budget is not None and budget > 0:
        thinking["token_budget"] = budget
    return {"thinking": thinking}


def _with_quirks(body: JSON, quirks: Quirks, dropped: list[str]) -> JSON:
    dropped += (
        _WORDS.get(name, name)
        for name in body
        if name in quirks.drop_params and name != "model"
    )
    return quirks.applied_to(body)
