"""Reads a request to converse, as strictly as Amazon Bedrock does."""

from typing import Any

import orjson

from gateway.simulator.bedrock_turns import check_tool_name, has_calls, turns_of
from gateway.simulator.checks import names_in, refuse, whole_number
from gateway.simulator.transcript import Turn, ask_of
from gateway.simulator.types import JSON, Ask, Tool

_FIELDS = names_in(
    "messages system inferenceConfig toolConfig guardrailConfig "
    "additionalModelRequestFields promptVariables additionalModelResponseFieldPaths "
    "requestMetadata performanceConfig serviceTier outputConfig"
)
_INFERENCE = names_in("maxTokens temperature topP stopSequences")
_BLOCKED = "blocked content"


def parse(body: JSON, model: str) -> Ask:
    """Return what is wanted, or raise Refused with Amazon's own wording."""
    _check_names(body, _FIELDS, "the request")
    turns = [
        Turn("system", str(block["text"]))
        for block in body.get("system") or []
        if "cachePoint" not in block
    ]
    if any(not turn.text for turn in turns):
        refuse("The text field in the SystemContentBlock object is blank.")
    messages = body.get("messages")
    ask = ask_of(model, turns + turns_of(messages, model))
    ask.is_blocked = _BLOCKED in ask.prompt.lower()
    ask.include_usage = True
    _read_limits(ask, body.get("inferenceConfig") or {})
    _read_tools(ask, body.get("toolConfig"), messages or [])
    _read_format(ask, body.get("outputConfig") or {})
    return ask


def _read_limits(ask: Ask, config: JSON) -> None:
    _check_names(config, _INFERENCE, "inferenceConfig")
    bound = config.get("maxTokens")
    if bound is not None and (not whole_number(bound) or bound < 1):
        refuse("The value at inferenceConfig.maxTokens must be at least 1.")
    ask.max_tokens = bound
    for name in ("temperature", "topP"):
        value = config.get(name)
        if value is not None and not 0 <= float(value) <= 1:
            refuse(f"The value at inferenceConfig.{name} must be between 0 and 1.")
    ask.stop = [str(stop) for stop in config.get("stopSequences") or []]


def _read_tools(ask: Ask, config: Any, messages: list[JSON]) -> None:
    if config is None:
        if has_calls(messages):
            refuse(
                "The toolConfig field must be defined when using toolUse and "
                "toolResult content blocks."
            )
        return
    ask.tools = [
        _tool(tool["toolSpec"], at)
        for at, tool in enumerate(config["tools"])
        if "cachePoint" not in tool
    ]
    if not ask.tools:
        refuse("The value at toolConfig.tools must have at least one tool.")
    choice = config.get("toolChoice") or {"auto": {}}
    if len(choice) != 1 or not choice.keys() <= {"auto", "any", "tool"}:
        refuse("The value at toolConfig.toolChoice must hold exactly one member.")
    if "any" in choice:
        ask.must_call = ""
    elif "tool" in choice:
        ask.must_call = choice["tool"]["name"]
        if ask.must_call not in {tool.name for tool in ask.tools}:
            refuse(f"The tool {ask.must_call} is not in toolConfig.tools.")


def _tool(spec: JSON, at: int) -> Tool:
    name = check_tool_name(spec.get("name"), f"toolConfig.tools.{at}.toolSpec.name")
    if spec.get("description") == "":
        refuse(f"The description at toolConfig.tools.{at} is empty.")
    schema = spec["inputSchema"]["json"]
    if not isinstance(schema, dict) or schema.get("type") != "object":
        refuse(f"The value at toolConfig.tools.{at}.toolSpec.inputSchema is no object.")
    return Tool(name, schema)


def _read_format(ask: Ask, config: JSON) -> None:
    wanted = config.get("textFormat")
    if wanted is None:
        return
    text = wanted["structure"]["jsonSchema"]["schema"]
    if wanted.get("type") != "json_schema" or not isinstance(text, str):
        refuse("The value at outputConfig.textFormat is invalid.")
    schema = orjson.loads(text)
    if not isinstance(schema, dict):
        refuse("The schema at outputConfig.textFormat is no object.")
    ask.schema = schema


def _check_names(value: Any, known: frozenset[str], place: str) -> None:
    if not isinstance(value, dict):
        refuse(f"The value at {place} is no object.")
    for name in value:
        if name not in known:
            refuse(f"Malformed input request: {place}: extraneous key [{name}]")
