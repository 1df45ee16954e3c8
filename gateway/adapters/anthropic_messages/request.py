"""Requests, as they are sent to a provider."""

import hashlib
import re
from itertools import chain

import orjson

from gateway.adapters.anthropic_messages.messages import (
    build_conversation,
    limit_cache_marks,
)
from gateway.adapters.anthropic_messages.models import Abilities, abilities_of
from gateway.adapters.anthropic_messages.schema import Inexpressible, convert_schema
from gateway.adapters.anthropic_messages.thinking import plan_thinking
from gateway.adapters.anthropic_messages.wire import NAME
from gateway.canonical import ChatRequest, OutputFormat, Tool
from gateway.types import JSON, Quirks

_DEFAULT_MAX_TOKENS = 4096

# An address or a telephone number: the provider wants neither.
_PERSONAL = re.compile(r"@|\A[+\d][\d\s().-]{5,}\Z")
_MAX_USER_ID_LENGTH = 256

_MODES = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}

# Canonical names of members that are called something else here.
_WORDS = {
    "max_tokens": "max_output_tokens",
    "stop_sequences": "stop",
    "thinking": "effort",
    "output_config": "output_format",
    "metadata": "end_user",
}


def build_request(
    request: ChatRequest, model_id: str, quirks: Quirks, max_output_tokens: int | None
) -> tuple[JSON, list[str]]:
    """Return the body and the names of what has no counterpart in it."""
    abilities = abilities_of(model_id)
    dropped = _without_counterpart(request)
    system, turns = build_conversation(request.messages, dropped)
    max_tokens = _max_tokens(request, max_output_tokens)
    body: JSON = {"model": model_id, "max_tokens": max_tokens, "messages": turns}
    body |= _tools(request, abilities, dropped)
    is_forced = body.get("tool_choice", {}).get("type") in {"any", "tool"}
    thinking = plan_thinking(
        request, abilities, max_tokens, is_forced=is_forced, turns=turns
    )
    if thinking.is_refused:
        dropped.append("effort")
    output: JSON = {"effort": thinking.effort} if thinking.effort else {}
    if thinking.thinking:
        body["thinking"] = thinking.thinking
    if form := _output_format(request.output_format, abilities):
        output["format"] = form
    elif instruction := _instruction(request.output_format):
        system.append({"type": "text", "text": instruction})
    if output:
        body["output_config"] = output
    if system:
        body["system"] = system
    thinks = bool(thinking.thinking) or abilities.thinking == "always"
    body |= _sampling(request, abilities, dropped, thinks=thinks)
    body |= _remainder(request, dropped)
    limit_cache_marks(
        chain(body.get("tools", ()), system, *(turn["content"] for turn in turns))
    )
    return _with_quirks(body, quirks, dropped), dropped


def _max_tokens(request: ChatRequest, known: int | None) -> int:
    """Return the bound, which the protocol insists on. 0 only warms the cache."""
    if request.max_output_tokens is not None:
        return request.max_output_tokens
    return known or _DEFAULT_MAX_TOKENS


def _without_counterpart(request: ChatRequest) -> list[str]:
    """Return the names of what the protocol cannot say at all."""
    asked = {
        "choices": request.choices > 1,
        "seed": request.seed is not None,
        "presence_penalty": bool(request.presence_penalty),
        "frequency_penalty": bool(request.frequency_penalty),
        "logprobs": request.logprobs is not None,
        "metadata": bool(request.metadata),
    }
    return [name for name, is_asked in asked.items() if is_asked]


def _tools(request: ChatRequest, abilities: Abilities, dropped: list[str]) -> JSON:
    if not request.tools:
        return {}
    sent: JSON = {"tools": [_tool(tool, abilities) for tool in request.tools]}
    wanted = request.tool_choice
    choice: JSON = {"type": _MODES[wanted.mode]} if wanted else {}
    if wanted and wanted.mode == "named":
        choice["name"] = wanted.name
    if choice.get("type") in {"any", "tool"} and not abilities.forced_choice:
        choice = {"type": "auto"}
        dropped.append("tool_choice")
    if request.parallel_tool_calls is False and choice.get("type") != "none":
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    if choice:
        sent["tool_choice"] = choice
    return sent


def _tool(tool: Tool, abilities: Abilities) -> JSON:
    schema = {"type": "object", "properties": {}} | tool.parameters
    built: JSON = {"name": tool.name, "input_schema": schema}
    if tool.description:
        built["description"] = tool.description
    if tool.strict and abilities.schemas:
        try:
            built |= {"input_schema": convert_schema(schema), "strict": True}
        except Inexpressible:
            built["input_schema"] = schema
    if tool.cached:
        built["cache_control"] = {"type": "ephemeral"}
    return built


def _output_format(wanted: OutputFormat, abilities: Abilities) -> JSON | None:
    if wanted.kind != "json_schema" or not abilities.schemas:
        return None
    try:
        return {"type": "json_schema", "schema": convert_schema(wanted.schema)}
    except Inexpressible:
        return None


def _instruction(wanted: OutputFormat) -> str:
    """Say in words what the model has no parameter for."""
    if wanted.kind == "text":
        return ""
    told = "Answer with a single JSON object and nothing else: no prose, no code fence."
    if wanted.kind == "json_schema":
        told += (
            f" It must match this JSON schema: {orjson.dumps(wanted.schema).decode()}"
        )
    return told


def _sampling(
    request: ChatRequest, abilities: Abilities, dropped: list[str], *, thinks: bool
) -> JSON:
    """Return what the model lets be said about sampling."""
    sent: JSON = {}
    if request.temperature is not None:
        if abilities.sampling and not thinks:
            sent["temperature"] = min(request.temperature, 1.0)
        elif request.temperature != 1:
            dropped.append("temperature")
    if request.top_p is not None:
        clashes = "temperature" in sent and not abilities.sampling_together
        if abilities.sampling and not clashes and not (thinks and request.top_p < 0.95):
            sent["top_p"] = request.top_p
        elif request.top_p != 1:
            dropped.append("top_p")
    if request.top_k is not None:
        if abilities.sampling and not thinks:
            sent["top_k"] = request.top_k
        else:
            dropped.append("top_k")
    return sent


def _remainder(request: ChatRequest, dropped: list[str]) -> JSON:
    sent: JSON = {}
    if stops := [stop for stop in request.stop if stop.strip()]:
        sent["stop_sequences"] = stops
    if len(stops) < len(request.stop):
        dropped.append("stop")
    if request.end_user:
        sent["metadata"] = {"user_id": _opaque(request.end_user)}
    if request.stream:
        sent["stream"] = True
    if request.protocol == NAME:
        sent = {**request.extra, **sent}
    else:
        dropped.extend(request.extra)
    return sent


def _opaque(end_user: str) -> str:
    if _PERSONAL.search(end_user) or len(end_user) > _MAX_USER_ID_LENGTH:
        return hashlib.sha256(end_user.encode("utf-8", "replace")).hexdigest()
    return end_user


def _with_quirks(body: JSON, quirks: Quirks, dropped: list[str]) -> JSON:
    dropped += (
        _WORDS.get(name, name)
        for name in body
        if name in quirks.drop_params and name != "model"
    )
    return quirks.applied_to(body)
