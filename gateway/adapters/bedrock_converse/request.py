"""Requests, as they are sent to a provider."""

import re

import orjson

from gateway.adapters.anthropic_messages.models import abilities_of
from gateway.adapters.anthropic_messages.schema import Inexpressible, convert_schema
from gateway.adapters.bedrock_converse.claude import drop_sampling, thinking_of
from gateway.adapters.bedrock_converse.conversation import (
    Conversation,
    limit_cache_points,
)
from gateway.adapters.bedrock_converse.families import Family, family_of
from gateway.adapters.bedrock_converse.tools import build_tools
from gateway.adapters.bedrock_converse.wire import NAME
from gateway.adapters.relayed import kept_members
from gateway.canonical import ChatRequest, OutputFormat
from gateway.types import JSON, Quirks

_DEFAULT_MAX_TOKENS = 4096
_FORCED = frozenset({"any", "tool"})

_EFFORTS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}

_METADATA = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}")
_MOST_METADATA = 16

# Canonical names of members that are called something else here.
_WORDS = {
    "inferenceConfig": "temperature",
    "toolConfig": "tools",
    "outputConfig": "output_format",
    "requestMetadata": "metadata",
    "additionalModelRequestFields": "effort",
}


def build_relayed(
    fields: dict[str, bytes],
    model_id: str,
    quirks: Quirks,
    *,
    stream: bool,
    dropped: frozenset[str],
) -> dict[str, bytes]:
    """Return the members to send for a request that came in this very protocol.

    The model stands in the path, and whether it is a stream.
    """
    return kept_members(fields, quirks, dropped | {"modelId"})


def build_request(
    request: ChatRequest, model_id: str, quirks: Quirks, max_output_tokens: int | None
) -> tuple[JSON, list[str]]:
    """Return the body and the names of what has no counterpart in it."""
    family = family_of(model_id)
    dropped = _without_counterpart(request)
    conversation = Conversation(family, dropped)
    conversation.read(request.messages)
    system, turns = conversation.system, conversation.turns
    abilities = abilities_of(model_id)
    tools = build_tools(
        request,
        turns,
        family,
        dropped,
        can_force=family.can_force and abilities.forced_choice,
    )
    body: JSON = {"messages": turns}
    if tools:
        body["toolConfig"] = tools
    bound = request.max_output_tokens
    more: JSON = {}
    if family.maker == "claude":
        more = thinking_of(
            request,
            abilities,
            bound or max_output_tokens or _DEFAULT_MAX_TOKENS,
            turns,
            dropped,
            is_forced=not _FORCED.isdisjoint(tools.get("toolChoice", ())),
        )
        thinks = "thinking" in more or abilities.thinking == "always"
        request, unsaid = drop_sampling(request, abilities, thinks=thinks)
        dropped += unsaid
        if "budget_tokens" in more.get("thinking", ()):
            # What it thinks counts against the bound, which is small unless told.
            bound = bound or max_output_tokens or _DEFAULT_MAX_TOKENS
    else:
        more = _effort(request, family, dropped)
    if config := _inference(request, bound, dropped):
        body["inferenceConfig"] = config
    more |= _top_k(request, family, dropped)
    has_schemas = family.has_schemas or (family.maker == "claude" and abilities.schemas)
    if form := _text_format(request.output_format, has_schemas=has_schemas):
        body["outputConfig"] = {"textFormat": form}
    elif instruction := _instruction(request.output_format):
        system.append({"text": instruction})
    limit_cache_points(
        tools.get("tools", []), system, *(turn["content"] for turn in turns)
    )
    if system:
        body["system"] = system
    body |= _metadata(request, dropped)
    if more:
        body["additionalModelRequestFields"] = more
    if request.protocol == NAME:
        body = {**request.extra, **body}
    else:
        dropped.extend(request.extra)
    return _with_quirks(body, quirks, dropped), dropped


def _without_counterpart(request: ChatRequest) -> list[str]:
    """Return the names of what the protocol cannot say at all."""
    asked = {
        "choices": request.choices > 1,
        "seed": request.seed is not None,
        "presence_penalty": bool(request.presence_penalty),
        "frequency_penalty": bool(request.frequency_penalty),
        "logprobs": request.logprobs is not None,
        "end_user": bool(request.end_user),
    }
    return [name for name, is_asked in asked.items() if is_asked]


def _inference(request: ChatRequest, bound: int | None, dropped: list[str]) -> JSON:
    sent: JSON = {}
    if bound is not None:
        sent["maxTokens"] = max(bound, 1)
    if request.temperature is not None:
        sent["temperature"] = min(request.temperature, 1.0)
    if request.top_p is not None:
        sent["topP"] = request.top_p
    if stops := [stop for stop in request.stop if stop.strip()]:
        sent["stopSequences"] = stops
    if len(stops) < len(request.stop):
        dropped.append("stop")
    return sent


def _effort(request: ChatRequest, family: Family, dropped: list[str]) -> JSON:
    effort = request.effort
    if not effort and request.thinking_budget is not None:
        effort = "medium" if request.thinking_budget else "none"
    if not effort or (effort == "none" and family.maker != "gpt_oss"):
        return {}
    level = _EFFORTS.get(effort)
    if level is not None and family.maker == "gpt_oss":
        return {"reasoning_effort": level}
    if level is not None and family.maker == "nova2":
        return {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": level}}
    dropped.append("effort")
    return {}


def _top_k(request: ChatRequest, family: Family, dropped: list[str]) -> JSON:
    if request.top_k is None:
        return {}
    if family.maker in {"nova", "nova2"}:
        return {"inferenceConfig": {"topK": request.top_k}}
    if family.top_k:
        return {family.top_k: request.top_k}
    dropped.append("top_k")
    return {}


def _text_format(wanted: OutputFormat, *, has_schemas: bool) -> JSON | None:
    """Return the form that the model is bound to; its schema travels as text."""
    if wanted.kind != "json_schema" or not has_schemas:
        return None
    try:
        schema = orjson.dumps(convert_schema(wanted.schema)).decode()
    except (Inexpressible, TypeError):
        return None
    bound = {"name": wanted.name or "answer", "schema": schema}
    return {"type": "json_schema", "structure": {"jsonSchema": bound}}


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


def _metadata(request: ChatRequest, dropped: list[str]) -> JSON:
    if not request.metadata:
        return {}
    texts = [*request.metadata, *request.metadata.values()]
    if len(request.metadata) > _MOST_METADATA or not all(
        map(_METADATA.fullmatch, texts)
    ):
        dropped.append("metadata")
        return {}
    return {"requestMetadata": request.metadata}


def _with_quirks(body: JSON, quirks: Quirks, dropped: list[str]) -> JSON:
    dropped += (_WORDS.get(name, name) for name in body if name in quirks.drop_params)
    return quirks.applied_to(body)
