"""A chat request of any dialect as a Responses body."""

import hashlib
from collections.abc import Iterator
from typing import Any

from gateway.adapters.openai_chat.tools import write_tools
from gateway.adapters.openai_responses.agent import agent_format, is_agent
from gateway.adapters.openai_responses.formats import ask_for_json, format_of
from gateway.adapters.openai_responses.items import InputWriter
from gateway.adapters.openai_responses.protocol import NAME
from gateway.adapters.openai_responses.tools import (
    flat_choice,
    flat_tool,
    search_tool,
)
from gateway.adapters.reading import object_of
from gateway.canonical import ChatRequest
from gateway.openai_families import Family, effort_of, family_of
from gateway.types import JSON, Quirks

# Less is refused: "integer below minimum value".
_LEAST_OUTPUT = 16
_MAX_END_USER = 128

_SEALED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"

# Our words for what the protocol calls otherwise.
_CANONICAL = {
    "max_output_tokens": "max_output_tokens",
    "text": "output_format",
    "response_format": "output_format",
    "reasoning": "effort",
    "top_logprobs": "logprobs",
    "user": "end_user",
    "safety_identifier": "end_user",
}
# What we say of our own accord.
_OURS = frozenset({"include", "model", "store"})
# What OpenAI's two protocols say alike.
_CHAT = "openai_chat"
_ALIKE = (
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "service_tier",
    "store",
)


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
    writer = InputWriter(family)
    items = writer.write(request.messages)
    # Nothing is to be kept at the provider's: the conversation comes with each request.
    body: JSON = {"model": model_id, "input": items, "store": False}
    body.update(
        (name, value)
        for name, value in _parameters(request, family)
        if value is not None
    )
    if request.output_format.kind == "json_object":
        ask_for_json(items)
    dropped = [
        *writer.dropped,
        *_unsaid(request),
        *write_tools(request, body, flat_tool, flat_choice),
        *_write_thinking(request, model_id, family, body),
        *_write_own(request, quirks, body),
        *_take_out_refused(body, family),
    ]
    if is_agent(quirks):
        _speak_to_agent(body)
    for name in quirks.drop_params & body.keys():
        del body[name]
        if name not in _OURS:
            dropped.append(name)
    sent = quirks.applied_to(body)
    return sent, list(dict.fromkeys(_CANONICAL.get(name, name) for name in dropped))


def _parameters(request: ChatRequest, family: Family) -> Iterator[tuple[str, Any]]:
    if request.max_output_tokens is not None:
        yield "max_output_tokens", max(request.max_output_tokens, _LEAST_OUTPUT)
    yield "temperature", request.temperature
    yield "top_p", request.top_p
    if request.logprobs is not None:
        yield "top_logprobs", request.logprobs
        yield "include", [_LOGPROBS]
    if (described := format_of(request.output_format)) is not None:
        yield "text", {"format": described}
    yield "metadata", request.metadata or None
    if request.end_user:
        yield _end_user(request.end_user, family)
    yield "stream", request.stream or None


def _end_user(end_user: str, family: Family) -> tuple[str, str]:
    if not family.is_openai:
        return "user", end_user
    if len(end_user) > _MAX_END_USER:
        end_user = hashlib.sha256(end_user.encode()).hexdigest()
    return "safety_identifier", end_user


def _unsaid(request: ChatRequest) -> Iterator[str]:
    """Yield what the protocol has no word for."""
    if request.choices != 1:
        yield "choices"
    if request.stop:
        yield "stop"
    for name in ("seed", "presence_penalty", "frequency_penalty"):
        if getattr(request, name) is not None:
            yield name


def _write_thinking(
    request: ChatRequest, model_id: str, family: Family, body: JSON
) -> list[str]:
    """Write the effort, taken from the budget when only that is given.

    Who gives a budget wants to see the reasoning. It is asked for in its sealed form
    too, in which it can be handed back.
    """
    effort, budget = request.effort, request.thinking_budget
    dropped, told = [], "effort"
    if budget is not None:
        if effort or budget < 0:
            dropped.append("thinking_budget")
        else:
            effort, told = effort_of(budget), "thinking_budget"
    reasoning: JSON = {}
    if accepted := family.effort_for(effort, by_responses=True):
        reasoning["effort"] = accepted
    elif effort and effort != "none":
        dropped.append(told)
    if budget and family.reasons:
        reasoning["summary"] = "auto"
    if reasoning:
        body["reasoning"] = reasoning
    if family.reasons or ("grok" in model_id and family.efforts):
        body["include"] = [*body.get("include", ()), _SEALED]
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
    extra = request.extra
    if request.protocol == NAME:
        body.update((n, v) for n, v in extra.items() if n not in body or n in _OURS)
    elif request.protocol == _CHAT:
        dropped += _write_alike(extra, body)
    else:
        dropped += sorted(extra)
    return dropped


def _write_alike(extra: JSON, body: JSON) -> list[str]:
    """Write what a client of chat completions said; return the names of the rest."""
    body.update((name, extra[name]) for name in _ALIKE if name in extra)
    written = {*_ALIKE, "verbosity", "web_search_options"}
    if verbosity := extra.get("verbosity"):
        body["text"] = {**body.get("text", {}), "verbosity": verbosity}
    if "web_search_options" in extra:
        search = search_tool(object_of(extra["web_search_options"]))
        body["tools"] = [*body.get("tools", ()), search]
    return sorted(extra.keys() - written)


def _take_out_refused(body: JSON, family: Family) -> list[str]:
    """Take out what the model would refuse; return the names."""
    if not family.reasons:
        return []
    effort = body.get("reasoning", {}).get("effort", "")
    if family.samples_at_rest and family.is_at_rest(effort):
        return []
    refused = ["top_p", "top_logprobs"]
    if body.get("temperature") != 1:
        refused.append("temperature")
    if "top_logprobs" in body:
        body["include"] = [each for each in body["include"] if each != _LOGPROBS]
    return [name for name in refused if body.pop(name, None) is not None]


def _speak_to_agent(body: JSON) -> None:
    """Say it as the Agent API takes it, which knows nothing of sealed reasoning."""
    body.pop("include", None)
    body.get("reasoning", {}).pop("summary", None)
    if "text" in body and (described := agent_format(body.pop("text"))) is not None:
        body["response_format"] = described
