"""Requests: passed on as they came, or written from the canonical form."""

from collections.abc import Mapping
from typing import Any

import orjson

from gateway.adapters.gemini_generate.contents import Conversation
from gateway.adapters.gemini_generate.models import Model, model_of
from gateway.adapters.gemini_generate.protocol import NAME
from gateway.adapters.gemini_generate.schemas import converted_schema, parameters_of
from gateway.adapters.reading import object_of, objects_of
from gateway.adapters.relayed import kept_members
from gateway.canonical import ChatRequest
from gateway.types import JSON, Quirks

# The method, not the body, says whether to stream, and the address names the model.
_IN_THE_ADDRESS = frozenset({"model", "stream"})
_CONFIGS = ("generationConfig", "generation_config")


def stream_path(path: str) -> str:
    """Return the path of the streaming method for that of the plain one."""
    return path.replace(":generateContent", ":streamGenerateContent?alt=sse", 1)


def build_relayed(
    fields: dict[str, bytes],
    model_id: str,
    quirks: Quirks,
    *,
    stream: bool,
    dropped: frozenset[str],
) -> dict[str, bytes]:
    """Return the members to send for a request that came in this very protocol.

    The model and whether to stream are said by the address alone.
    """
    sent = kept_members(fields, quirks, dropped | _IN_THE_ADDRESS)
    if quirks.drop_params or quirks.rename_params:
        for name in _CONFIGS:
            if name in sent:
                config = orjson.loads(sent[name])
                if type(config) is dict:
                    sent[name] = orjson.dumps(_with_quirks(config, quirks))
    return sent


def _with_quirks(members: JSON, quirks: Quirks) -> JSON:
    dropped = {*quirks.drop_params, *map(_camel, quirks.drop_params)}
    renamed: Mapping[str, str] = quirks.rename_params
    return {
        renamed.get(name, name): value
        for name, value in members.items()
        if name not in dropped
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))


def build_request(
    request: ChatRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[JSON, list[str]]:
    """Return the body, and the names of what this protocol has no words for.

    A bound on the answer is not required here, so the model's own is not sent.
    """
    model = model_of(model_id)
    own = request.extra if request.protocol == NAME else {}
    talk = Conversation(model)
    talk.read(request.messages)
    body: JSON = {"contents": talk.contents}
    if talk.instructions and talk.contents:
        body["systemInstruction"] = {"parts": talk.instructions}
    elif talk.instructions:
        # Somebody must have said something.
        body["contents"] = [{"role": "user", "parts": talk.instructions}]
    if tools := _tools(request, own):
        body["tools"] = tools
    if choice := _tool_config(request, model, own):
        body["toolConfig"] = choice
    if config := _generation_config(request, model, own):
        body["generationConfig"] = _with_quirks(config, quirks)
    for name, value in own.items():
        body.setdefault(name, value)
    dropped = sorted({*_unsaid(request, model), *talk.lost})
    return _with_quirks(body, quirks), dropped


def _tools(request: ChatRequest, own: JSON) -> list[JSON]:
    declarations: list[JSON] = []
    for tool in request.tools:
        declaration: JSON = {"name": tool.name}
        if tool.description:
            declaration["description"] = tool.description
        if (parameters := parameters_of(tool.parameters)) is not None:
            declaration["parametersJsonSchema"] = parameters
        declarations.append(declaration)
    functions: list[JSON] = (
        [{"functionDeclarations": declarations}] if declarations else []
    )
    return functions + objects_of(own.get("tools"))


def _tool_config(request: ChatRequest, model: Model, own: JSON) -> JSON:
    config: JSON = dict(object_of(own.get("toolConfig")))
    mode = request.tool_choice.mode if request.tool_choice is not None else ""
    is_strict = model.takes_validated_calls and any(t.strict for t in request.tools)
    calling: JSON = {}
    if mode == "none":
        calling = {"mode": "NONE"}
    elif mode == "required":
        calling = {"mode": "ANY"}
    elif mode == "named" and request.tool_choice is not None:
        calling = {"mode": "ANY", "allowedFunctionNames": [request.tool_choice.name]}
    elif is_strict:
        calling = {"mode": "VALIDATED"}
    elif mode == "auto":
        calling = {"mode": "AUTO"}
    if calling and (request.tools or mode == "none"):
        config["functionCallingConfig"] = calling
    return config


def _generation_config(request: ChatRequest, model: Model, own: JSON) -> JSON:
    said: dict[str, Any] = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "maxOutputTokens": request.max_output_tokens,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
        "presencePenalty": request.presence_penalty,
        "frequencyPenalty": request.frequency_penalty,
    }
    if request.choices > 1 and model.takes_candidate_count:
        said["candidateCount"] = request.choices
    if request.logprobs is not None:
        said["responseLogprobs"] = True
        said["logprobs"] = request.logprobs or None
    if request.output_format.kind != "text":
        said["responseMimeType"] = "application/json"
    if request.output_format.kind == "json_schema":
        said["responseJsonSchema"] = converted_schema(request.output_format.schema)
    thinking = _thinking(request, model, own)
    if thinking:
        said["thinkingConfig"] = thinking
    return {
        **object_of(own.get("generationConfig")),
        **{name: value for name, value in said.items() if value is not None},
    }


def _thinking(request: ChatRequest, model: Model, own: JSON) -> JSON:
    config: JSON = dict(model.thinking(request.effort, request.thinking_budget))
    if request.protocol == NAME:
        config |= object_of(
            object_of(own.get("generationConfig")).get("thinkingConfig")
        )
    elif config and config.get("thinkingBudget") != 0 and request.effort != "none":
        # Whoever asks for thinking in another dialect is shown it there.
        config["includeThoughts"] = True
    return config


def _unsaid(request: ChatRequest, model: Model) -> list[str]:
    """Name what was asked for and cannot be said."""
    cannot_think = not model.thinking("high", None)
    unsaid = {
        "choices": request.choices > 1 and not model.takes_candidate_count,
        "parallel_tool_calls": request.parallel_tool_calls is False,
        "effort": bool(request.effort) and cannot_think,
        "thinking_budget": request.thinking_budget is not None and cannot_think,
        "end_user": bool(request.end_user),
        "metadata": bool(request.metadata),
    }
    names = [name for name, is_unsaid in unsaid.items() if is_unsaid]
    return names + (list(request.extra) if request.protocol != NAME else [])
