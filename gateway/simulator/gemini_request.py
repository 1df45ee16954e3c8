"""Reads a request to generate content, as strictly as Gemini does."""

import re
from typing import Any

from gateway.simulator.checks import names_in, refuse
from gateway.simulator.gemini_fields import check_names, in_camel_case
from gateway.simulator.gemini_schemas import json_schema_of
from gateway.simulator.gemini_turns import texts_of, turns_of
from gateway.simulator.models import reasons
from gateway.simulator.transcript import Turn, ask_of
from gateway.simulator.types import JSON, Ask, Tool

_FIELDS = names_in(
    "model contents systemInstruction tools toolConfig safetySettings generationConfig "
    "cachedContent serviceTier store labels continuationToken"
)
_CONFIG = names_in(
    "temperature topP topK candidateCount maxOutputTokens stopSequences "
    "responseLogprobs logprobs presencePenalty frequencyPenalty seed responseMimeType "
    "responseSchema responseJsonSchema responseModalities mediaResolution speechConfig "
    "thinkingConfig imageConfig enableEnhancedCivicAnswers "
    "audioTranscriptionConfig"
)
_TOOLS = names_in(
    "functionDeclarations googleSearch googleMaps urlContext codeExecution computerUse "
    "fileSearch mcpServers googleSearchRetrieval"
)
_DECLARATION = names_in(
    "name description parameters parametersJsonSchema response responseJsonSchema "
    "behavior"
)
_CALLING = frozenset({"mode", "allowedFunctionNames"})
_TOOL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_THINKING = frozenset({"includeThoughts", "thinkingBudget", "thinkingLevel"})
_LEVELS = {"MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH", "THINKING_LEVEL_UNSPECIFIED"}
_MOST_CANDIDATES = 8
_MOST_STOPS = 5
_BLOCKED = "blocked content"
_JSON = "application/json"


def parse(body: JSON, model: str) -> Ask:
    """Return what is wanted, or raise Refused with Google's own wording."""
    body = in_camel_case(body)
    check_names(body, _FIELDS)
    config = body.get("generationConfig") or {}
    check_names(config, _CONFIG, "generation_config")
    thinking = config.get("thinkingConfig") or {}
    ask = _read_conversation(body, model, thinks=_thinks(thinking, model))
    ask.shows_thoughts = thinking.get("includeThoughts") is True
    ask.is_blocked = _BLOCKED in ask.prompt.lower()
    ask.include_usage = True
    _read_limits(ask, config)
    _read_tools(ask, body)
    _read_format(ask, config)
    return ask


def parse_count(body: JSON, model: str) -> Ask:
    """Return a request that wants its tokens counted and nothing else."""
    body = in_camel_case(body)
    check_names(body, frozenset({"model", "contents", "generateContentRequest"}))
    if "generateContentRequest" in body:
        ask = parse(body["generateContentRequest"], model)
    else:
        ask = _read_conversation(body, model, thinks=False)
    ask.is_free = True
    return ask


def _read_conversation(body: JSON, model: str, *, thinks: bool) -> Ask:
    instruction = body.get("systemInstruction")
    turns = []
    if instruction is not None:
        texts = texts_of(instruction, "system_instruction")
        turns = [Turn("system", text) for text in texts]
    turns += turns_of(body.get("contents"), model, thinks=thinks)
    ask = ask_of(model, turns)
    ask.thinks = thinks
    return ask


def _thinks(config: Any, model: str) -> bool:
    check_names(config, _THINKING, "generation_config.thinking_config")
    budget, level = config.get("thinkingBudget"), config.get("thinkingLevel")
    if budget is not None and level is not None:
        refuse("You can only set only one of thinking budget and thinking level.")
    if level is not None and str(level).upper() not in _LEVELS:
        refuse(
            "Invalid value at 'generation_config.thinking_config.thinking_level', "
            f'"{level}"'
        )
    return reasons(model) and budget != 0


def _read_limits(ask: Ask, config: JSON) -> None:
    ask.max_tokens = _whole(config, "maxOutputTokens")
    ask.choices = _whole(config, "candidateCount", most=_MOST_CANDIDATES) or 1
    stops = config.get("stopSequences") or []
    if not isinstance(stops, list) or len(stops) > _MOST_STOPS:
        refuse("Unable to submit request because it must have at most 5 stopSequences.")
    ask.stop = [str(stop) for stop in stops]
    temperature = config.get("temperature")
    if temperature is not None and not 0 <= float(temperature) <= 2:
        refuse(
            f"Unable to submit request because it has a temperature value of "
            f"{temperature} but the supported range is from 0 (inclusive) to 2.0."
        )


def _whole(config: JSON, name: str, *, most: int | None = None) -> int | None:
    value = config.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or value != int(value) or value < 1:
        refuse(f"Invalid value at 'generation_config.{name}', {value!r}")
    if most is not None and value > most:
        refuse(f"{name}: the supported range is from 1 to {most}, not {value}.")
    return int(value)


def _read_tools(ask: Ask, body: JSON) -> None:
    for at, tool in enumerate(body.get("tools") or []):
        check_names(tool, _TOOLS, f"tools[{at}]")
        for number, declared in enumerate(tool.get("functionDeclarations") or []):
            place = f"tools[{at}].function_declarations[{number}]"
            ask.tools.append(_tool(declared, place))
    calling = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    check_names(calling, _CALLING, "tool_config.function_calling_config")
    mode = str(calling.get("mode") or "AUTO").upper()
    if mode not in {"AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"}:
        refuse(f"Invalid value at 'tool_config.function_calling_config.mode', {mode!r}")
    allowed = calling.get("allowedFunctionNames") or []
    if allowed and mode not in {"ANY", "VALIDATED"}:
        refuse(
            "Function calling config: allowed_function_names is only allowed when the "
            "mode is ANY or VALIDATED."
        )
    if unknown := set(allowed) - {tool.name for tool in ask.tools}:
        refuse(f"allowed_function_names: {sorted(unknown)} are not declared.")
    if allowed:
        ask.tools = [tool for tool in ask.tools if tool.name in allowed]
    if mode == "NONE":
        ask.tools = []
    elif mode == "ANY":
        ask.must_call = ""


def _tool(declared: Any, place: str) -> Tool:
    check_names(declared, _DECLARATION, place)
    name = declared.get("name")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        refuse(
            f"* GenerateContentRequest.{place}.name: Invalid function name. Must start "
            "with a letter or an underscore."
        )
    plain, full = declared.get("parameters"), declared.get("parametersJsonSchema")
    if plain is not None and full is not None:
        refuse(f"{place}: parameters and parameters_json_schema are exclusive.")
    if plain is not None:
        if plain.get("type", "").lower() == "object" and not plain.get("properties"):
            refuse(
                f"* GenerateContentRequest.{place}.parameters.properties: should be "
                "non-empty for OBJECT type"
            )
        return Tool(name, json_schema_of(plain, f"{place}.parameters"))
    return Tool(name, full or {"type": "object"})


def _read_format(ask: Ask, config: JSON) -> None:
    kind = config.get("responseMimeType", "text/plain")
    plain, full = config.get("responseSchema"), config.get("responseJsonSchema")
    if plain is not None and full is not None:
        refuse("response_schema and response_json_schema are exclusive.")
    if kind not in {"text/plain", "text/x.enum", _JSON}:
        refuse(
            "* GenerateContentRequest.generation_config.response_mime_type: allowed "
            "mimetypes are `text/plain`, `application/json` and `text/x.enum`."
        )
    if kind != _JSON:
        if plain is not None or full is not None:
            refuse(
                "Function calling or schema with a response mime type: "
                f"'{kind}' is unsupported; use {_JSON}."
            )
        return
    if plain is not None:
        ask.schema = json_schema_of(plain, "generation_config.response_schema")
    else:
        ask.schema = full or {}
