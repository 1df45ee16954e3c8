"""Reads a request for a message, as strictly as Cohere does."""

import re
from typing import Any, NoReturn

from gateway.simulator.checks import names_in, refuse, whole_number
from gateway.simulator.cohere_schemas import check_schema
from gateway.simulator.cohere_turns import sources_of, turns_of
from gateway.simulator.models import reasons
from gateway.simulator.transcript import ask_of
from gateway.simulator.types import JSON, Ask, Failure, Refused, Tool

_FIELDS = names_in(
    "model messages stream tools strict_tools tool_choice documents citation_options "
    "response_format safety_mode max_tokens stop_sequences temperature seed "
    "frequency_penalty presence_penalty k p logprobs thinking priority"
)
_TOOL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MOST_STOPS = 5
_RANGES = {
    "temperature": (0, 1),
    "p": (0.01, 0.99),
    "k": (0, 500),
    "frequency_penalty": (0, 1),
    "presence_penalty": (0, 1),
}


def parse(body: JSON) -> tuple[Ask, tuple[JSON, ...]]:
    """Return what is wanted and what may be cited, or refuse in Cohere's own words."""
    for name in body:
        if name not in _FIELDS:
            _unprocessable(f"unknown field: parameter '{name}' is not a valid field")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        refuse("invalid request: model is required")
    turns = turns_of(body.get("messages"), model)
    ask = ask_of(model, turns)
    ask.stream = body.get("stream") is True
    ask.include_usage = True
    _read_limits(ask, body)
    _read_tools(ask, body)
    _read_thinking(ask, body)
    _read_format(ask, body)
    return ask, sources_of(body["messages"], body.get("documents"))


def _unprocessable(message: str) -> NoReturn:
    raise Refused(Failure(422, "invalid", message))


def _read_limits(ask: Ask, body: JSON) -> None:
    most = body.get("max_tokens")
    if most is not None and (not whole_number(most) or most < 0):
        refuse("invalid request: max_tokens must be a whole number of at least 0")
    ask.max_tokens = most
    stops = body.get("stop_sequences") or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        _unprocessable("stop_sequences: must be a list of strings")
    if len(stops) > _MOST_STOPS:
        refuse("invalid request: at most 5 stop_sequences are allowed")
    ask.stop = stops
    for name, (low, high) in _RANGES.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            _unprocessable(f"{name}: must be a number")
        if not low <= value <= high:
            refuse(f"invalid request: {name} must be between {low} and {high}.")
    if body.get("frequency_penalty") and body.get("presence_penalty"):
        refuse(
            "invalid request: cannot specify both frequency_penalty and "
            "presence_penalty."
        )


def _read_tools(ask: Ask, body: JSON) -> None:
    choice = body.get("tool_choice")
    for at, tool in enumerate(body.get("tools") or []):
        ask.tools.append(_tool(tool, f"tools[{at}]", strict=body.get("strict_tools")))
    if choice is None:
        return
    if choice not in {"REQUIRED", "NONE"}:
        _unprocessable("tool_choice: must be one of REQUIRED, NONE")
    if not ask.tools:
        refuse("invalid request: tool_choice requires tools to be passed")
    if choice == "NONE":
        ask.tools = []
    else:
        ask.must_call = ""


def _tool(tool: Any, place: str, *, strict: Any) -> Tool:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or tool.get("type") != "function":
        refuse(f"invalid request: {place} must be a function")
    name, schema = function.get("name"), function.get("parameters")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        refuse(
            f"invalid request: {place}.function.name may hold letters, digits and "
            "underscores, and must not begin with a digit"
        )
    if not isinstance(schema, dict) or schema.get("type") != "object":
        refuse(f"invalid request: {place}.function.parameters must be an object")
    if strict is True:
        check_schema(schema, place)
    return Tool(name, schema)


def _read_thinking(ask: Ask, body: JSON) -> None:
    """Take the wish not to think; models that can reason do so otherwise."""
    thinking = body.get("thinking")
    if thinking is None:
        return
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    if kind not in {"enabled", "disabled"}:
        _unprocessable("thinking.type: must be one of enabled, disabled")
    budget = thinking.get("token_budget")
    if budget is not None and (not whole_number(budget) or budget < 1):
        refuse("invalid request: thinking.token_budget must be a positive integer")
    ask.thinks = kind == "enabled" and reasons(ask.model)


def _read_format(ask: Ask, body: JSON) -> None:
    wanted = body.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if wanted is None or kind == "text":
        return
    if kind != "json_object":
        _unprocessable("response_format.type: must be one of text, json_object")
    if body.get("tools") or body.get("documents"):
        refuse("invalid request: response_format is not supported with tools or RAG.")
    schema = wanted.get("json_schema")
    if schema is None:
        ask.schema = ask.schema or {}
        return
    check_schema(schema, "response_format.json_schema")
    ask.schema = schema
