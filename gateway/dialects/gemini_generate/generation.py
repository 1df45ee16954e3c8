"""Settings, tools and everything else of a request that is not said by somebody."""

from typing import Any

import msgspec

from gateway.body_fields import Malformed
from gateway.canonical import OutputFormat, Tool, ToolChoice
from gateway.dialects.gemini_generate.protocol import (
    member,
    number_in,
    object_in,
    objects_in,
    others,
    text_in,
    texts_in,
    whole_in,
)
from gateway.dialects.gemini_generate.schemas import json_schema
from gateway.types import JSON

_JSON = "application/json"
_SETTINGS = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "candidateCount",
        "maxOutputTokens",
        "stopSequences",
        "responseLogprobs",
        "logprobs",
        "presencePenalty",
        "frequencyPenalty",
        "seed",
        "thinkingConfig",
    }
)
_FORMAT = frozenset({"responseMimeType", "responseSchema", "responseJsonSchema"})
_NO_PARAMETERS: JSON = {"type": "object", "properties": {}}
_WHERE = "generationConfig"


class Tools(msgspec.Struct):
    """The functions a model may call; `own` are Google's tools, which only it has."""

    functions: tuple[Tool, ...]
    choice: ToolChoice | None
    own: list[JSON]
    own_config: JSON


def settings_of(config: JSON) -> dict[str, Any]:
    """Return what `generationConfig` sets, by canonical name; the rest is `extra`."""
    top_logprobs = whole_in(config, "logprobs", _WHERE)
    asks_logprobs = member(config, "responseLogprobs") is True
    thinking = object_in(config, "thinkingConfig", _WHERE)
    budget = whole_in(thinking, "thinkingBudget", f"{_WHERE}.thinkingConfig")
    level = text_in(thinking, "thinkingLevel", f"{_WHERE}.thinkingConfig").lower()
    output_format = _format_of(config)
    known = _SETTINGS if output_format.kind == "text" else _SETTINGS | _FORMAT
    extra = others(config, known)
    said = (
        {"thinkingLevel"}
        if budget is not None and budget < 0
        else {
            "thinkingLevel",
            "thinkingBudget",
        }
    )
    if own := others(thinking, frozenset(said)):
        extra["thinkingConfig"] = own
    return {
        "max_output_tokens": whole_in(config, "maxOutputTokens", _WHERE),
        "temperature": number_in(config, "temperature", _WHERE),
        "top_p": number_in(config, "topP", _WHERE),
        "top_k": whole_in(config, "topK", _WHERE),
        "stop": tuple(texts_in(config, "stopSequences", _WHERE)),
        "seed": whole_in(config, "seed", _WHERE),
        "choices": whole_in(config, "candidateCount", _WHERE) or 1,
        "presence_penalty": number_in(config, "presencePenalty", _WHERE),
        "frequency_penalty": number_in(config, "frequencyPenalty", _WHERE),
        "logprobs": (top_logprobs or 0) if asks_logprobs else None,
        "output_format": output_format,
        "effort": "" if level == "thinking_level_unspecified" else level,
        "thinking_budget": budget if budget is None or budget >= 0 else None,
        "extra": extra,
    }


def _format_of(config: JSON) -> OutputFormat:
    kind = text_in(config, "responseMimeType", _WHERE)
    schema = member(config, "responseJsonSchema")
    if type(schema) is not dict:
        schema = json_schema(object_in(config, "responseSchema", _WHERE))
    if schema and kind in {"", _JSON}:
        return OutputFormat("json_schema", name="response", schema=schema)
    return OutputFormat("json_object") if kind == _JSON else OutputFormat()


def tools_of(body: JSON) -> Tools:
    functions: list[Tool] = []
    own: list[JSON] = []
    for number, tool in enumerate(objects_in(body, "tools")):
        where = f"tools[{number}]"
        functions += [
            _function(declaration, f"{where}.functionDeclarations")
            for declaration in objects_in(tool, "functionDeclarations", where)
        ]
        if rest := others(tool, frozenset({"functionDeclarations"})):
            own.append(rest)
    config = object_in(body, "toolConfig")
    calling = object_in(config, "functionCallingConfig", "toolConfig")
    mode = text_in(calling, "mode", "toolConfig.functionCallingConfig").upper()
    allowed = texts_in(
        calling, "allowedFunctionNames", "toolConfig.functionCallingConfig"
    )
    if allowed and mode in {"ANY", "VALIDATED"}:
        functions = [tool for tool in functions if tool.name in allowed]
    if mode == "VALIDATED":
        functions = [msgspec.structs.replace(tool, strict=True) for tool in functions]
    return Tools(
        functions=tuple(functions),
        choice=_choice(mode, allowed),
        own=own,
        own_config=others(config, frozenset({"functionCallingConfig"})),
    )


def _function(declaration: JSON, where: str) -> Tool:
    name = text_in(declaration, "name", where)
    if not name:
        raise Malformed(f"'{where}' holds a function without a 'name'.", where)
    parameters = member(declaration, "parametersJsonSchema")
    if type(parameters) is not dict:
        parameters = json_schema(object_in(declaration, "parameters", where))
    return Tool(
        name=name,
        description=text_in(declaration, "description", where),
        parameters=parameters or _NO_PARAMETERS,
    )


def _choice(mode: str, allowed: list[str]) -> ToolChoice | None:
    match mode:
        case "" | "MODE_UNSPECIFIED":
            return None
        case "AUTO" | "VALIDATED":
            return ToolChoice("auto")
        case "NONE":
            return ToolChoice("none")
        case "ANY" if len(allowed) == 1:
            return ToolChoice("named", allowed[0])
        case "ANY":
            return ToolChoice("required")
    where = "toolConfig.functionCallingConfig.mode"
    raise Malformed(f"'{where}' must be AUTO, ANY, NONE or VALIDATED.", where)
