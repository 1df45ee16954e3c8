"""Requests, as clients send them."""

from typing import Any

from gateway.body_fields import Malformed, check_conversation
from gateway.canonical import ChatRequest, Message, OutputFormat, Tool, ToolChoice
from gateway.dialects.anthropic_messages.content import parse_content, parse_texts
from gateway.dialects.anthropic_messages.malformed import (
    NAME,
    count_at,
    list_at,
    object_at,
    share_at,
    text_at,
)
from gateway.types import JSON

_KNOWN = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "tools",
        "tool_choice",
        "thinking",
        "output_config",
        "output_format",
        "metadata",
        # Controls of the gateway.
        "models",
        "provider",
    }
)
_EFFORTS = frozenset({"low", "medium", "high", "xhigh", "max"})


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    check_conversation(body)
    count_at(body, "max_tokens")


def max_output_tokens(body: JSON) -> int | None:
    """Return the bound that the request sets on its answer."""
    bound = body.get("max_tokens")
    return bound if type(bound) is int else None


def wants_json(body: JSON) -> bool:
    """Say whether the answer must be JSON, maybe of a given form."""
    config = body.get("output_config")
    return bool(
        body.get("output_format") or (type(config) is dict and config.get("format"))
    )


def wants_stream(body: JSON) -> bool:
    return body.get("stream") is True


def wants_usage(body: JSON) -> bool:
    """Say yes: clients of this protocol count on usage in every answer."""
    return True


def parse_request(body: JSON) -> ChatRequest:
    """Return the request in the gateway's words. Raises `Malformed`."""
    check_request(body)
    choice, parallel = _tool_choice(body.get("tool_choice"))
    effort, budget = _effort(body)
    metadata = object_at(body.get("metadata") or {}, "metadata")
    return ChatRequest(
        messages=_messages(body),
        stream=wants_stream(body),
        max_output_tokens=max_output_tokens(body),
        temperature=share_at(body, "temperature"),
        top_p=share_at(body, "top_p"),
        top_k=count_at(body, "top_k"),
        stop=_stop(body.get("stop_sequences")),
        tools=_tools(body.get("tools")),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        output_format=_output_format(body),
        effort=effort,
        thinking_budget=budget,
        end_user=text_at(metadata, "user_id", "metadata", default=""),
        extra={
            name: value
            for name, value in body.items()
            if name not in _KNOWN and value is not None
        },
        protocol=NAME,
    )


def _messages(body: JSON) -> tuple[Message, ...]:
    messages: list[Message] = []
    system = body.get("system")
    if system and (texts := parse_texts(system, "system")):
        messages.append(Message("system", texts))
    for index, message in enumerate(body["messages"]):
        where = f"messages[{index}].content"
        match message["role"]:
            case "user" | "assistant" as role:
                parts = parse_content(message.get("content"), where)
                messages.append(Message(role, parts))
            case "system":
                texts = parse_texts(message.get("content"), where)
                messages.append(Message("system", texts))
            case _:
                msg = f"'messages[{index}].role' must be user, assistant or system."
                raise Malformed(msg, f"messages[{index}].role")
    return tuple(messages)


def _stop(sequences: Any) -> tuple[str, ...]:
    if sequences is None:
        return ()
    stop = list_at(sequences, "stop_sequences")
    if not all(type(sequence) is str for sequence in stop):
        msg = "'stop_sequences' must be a list of strings."
        raise Malformed(msg, "stop_sequences")
    return tuple(stop)


def _tools(listed: Any) -> tuple[Tool, ...]:
    if listed is None:
        return ()
    tools: list[Tool] = []
    for index, given in enumerate(list_at(listed, "tools")):
        at = f"tools[{index}]"
        tool = object_at(given, at)
        kind = text_at(tool, "type", at, default="custom")
        if kind != "custom":
            msg = (
                f"'{kind}' is a tool that only the provider of this protocol runs; the "
                "model that was chosen is another's. Offer a tool of your own instead."
            )
            raise Malformed(msg, f"{at}.type")
        tools.append(
            Tool(
                name=text_at(tool, "name", at),
                description=text_at(tool, "description", at, default=""),
                parameters=object_at(tool.get("input_schema"), f"{at}.input_schema"),
                strict=tool.get("strict") is True,
                cached=type(tool.get("cache_control")) is dict,
            )
        )
    return tuple(tools)


def _tool_choice(given: Any) -> tuple[ToolChoice | None, bool | None]:
    """Return which tool to call, and whether several may be called at once."""
    if given is None:
        return None, None
    choice = object_at(given, "tool_choice")
    parallel = False if choice.get("disable_parallel_tool_use") is True else None
    match text_at(choice, "type", "tool_choice"):
        case "auto":
            return ToolChoice("auto"), parallel
        case "any":
            return ToolChoice("required"), parallel
        case "none":
            return ToolChoice("none"), parallel
        case "tool":
            name = text_at(choice, "name", "tool_choice")
            return ToolChoice("named", name), parallel
        case _:
            msg = "'tool_choice.type' must be auto, any, tool or none."
            raise Malformed(msg, "tool_choice.type")


def _output_format(body: JSON) -> OutputFormat:
    config = object_at(body.get("output_config") or {}, "output_config")
    given = config.get("format") or body.get("output_format")
    if given is None:
        return OutputFormat()
    wanted = object_at(given, "output_config.format")
    if text_at(wanted, "type", "output_config.format") != "json_schema":
        msg = "'output_config.format.type' must be json_schema."
        raise Malformed(msg, "output_config.format.type")
    return OutputFormat(
        "json_schema",
        name="answer",
        schema=object_at(wanted.get("schema"), "output_config.format.schema"),
        strict=True,
    )


def _effort(body: JSON) -> tuple[str, int | None]:
    """Return how hard to think in a word, and in tokens where the client counts them."""
    config = object_at(body.get("output_config") or {}, "output_config")
    effort = text_at(config, "effort", "output_config", default="")
    if effort and effort not in _EFFORTS:
        msg = f"'output_config.effort' must be one of {', '.join(sorted(_EFFORTS))}."
        raise Malformed(msg, "output_config.effort")
    thinking = object_at(body.get("thinking") or {}, "thinking")
    match text_at(thinking, "type", "thinking", default=""):
        case "":
            return effort, None
        case "disabled":
            return "none", None
        case "adaptive":
            return effort or "medium", None
        case "enabled":
            budget = count_at(thinking, "budget_tokens", "thinking", least=1)
            return effort or _effort_for(budget), budget
        case _:
            msg = "'thinking.type' must be enabled, adaptive or disabled."
            raise Malformed(msg, "thinking.type")


def _effort_for(budget: int | None) -> str:
    if budget is None:
        return "medium"
    if budget < 4000:
        return "low"
    return "medium" if budget < 16000 else "high"
