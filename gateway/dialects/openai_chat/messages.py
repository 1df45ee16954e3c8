"""The messages of a request."""

from typing import Any

from gateway.body_fields import Malformed, object_in, objects_in, text_in
from gateway.canonical import (
    Image,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.openai_chat.parts import parse_content, parse_texts
from gateway.dialects.openai_chat.protocol import NAME
from gateway.types import JSON


def parse_messages(body: JSON) -> tuple[Message, ...]:
    """Return the messages; results of tools that follow one another are one of them."""
    messages: list[Message] = []
    results: list[Part] = []
    names: dict[str, str] = {}
    for at, message in objects_in(body, "messages"):
        role = message.get("role")
        if role == "tool":
            results.append(_result(message, at, names))
            continue
        if results:
            messages.append(Message("user", tuple(results)))
            results = []
        if role in {"system", "developer"}:
            messages.append(Message("system", parse_texts(message, at)))
        elif role == "user":
            messages.append(Message("user", parse_content(message, at)))
        elif role == "assistant":
            parts = _assistant(message, at)
            names.update((p.id, p.name) for p in parts if isinstance(p, ToolCall))
            messages.append(Message("assistant", parts))
        else:
            raise Malformed(f"'{at}.role' is not a known role.", f"{at}.role")
    if results:
        messages.append(Message("user", tuple(results)))
    return tuple(messages)


def _result(message: JSON, at: str, names: dict[str, str]) -> ToolResult:
    call_id = text_in(message, "tool_call_id", f"{at}.")
    if not call_id:
        place = f"{at}.tool_call_id"
        raise Malformed(f"'{place}' must name the call it answers.", place)
    parts: list[Text | Image] = []
    for index, part in enumerate(parse_content(message, at)):
        if not isinstance(part, Text | Image):
            place = f"{at}.content[{index}]"
            raise Malformed(f"'{place}' must be text or an image.", place)
        parts.append(part)
    name = names.get(call_id) or text_in(message, "name", f"{at}.")
    cached = any(part.cached for part in parts)
    return ToolResult(call_id, tuple(parts), name, cached=cached)


def _assistant(message: JSON, at: str) -> tuple[Part, ...]:
    if message.get("function_call"):
        place = f"{at}.function_call"
        raise Malformed(f"'{place}' is not supported; use 'tool_calls'.", place)
    parts: list[Part] = [*_reasoning(message, at)]
    parts += [p for p in parse_content(message, at) if p != Text("")]
    if refusal := text_in(message, "refusal", f"{at}."):
        parts.append(Refusal(refusal))
    for place, call in objects_in(message, "tool_calls", f"{at}."):
        parts.append(_call(call, place))
    return tuple(parts)


def _call(call: JSON, at: str) -> ToolCall:
    if call.get("type", "function") != "function":
        raise Malformed(f"'{at}.type' must be 'function'.", f"{at}.type")
    function = object_in(call, "function", f"{at}.")
    name = text_in(function, "name", f"{at}.function.")
    if not name:
        place = f"{at}.function.name"
        raise Malformed(f"'{place}' must be given.", place)
    # Where Google's clients of this format keep it, and where we put it.
    google = object_in(object_in(call, "extra_content"), "google")
    return ToolCall(
        id=text_in(call, "id", f"{at}."),
        name=name,
        arguments=text_in(function, "arguments", f"{at}.function.") or "{}",
        signature=text_in(google, "thought_signature"),
    )


def _reasoning(message: JSON, at: str) -> list[Reasoning]:
    """Return the reasoning that the client hands back, signed where it was."""
    signed = [
        reasoning
        for place, detail in objects_in(message, "reasoning_details", f"{at}.")
        if (reasoning := _signed(detail, f"{place}."))
    ]
    if signed:
        return signed
    for name in ("reasoning_content", "reasoning"):
        text: Any = message.get(name)
        if type(text) is str and text:
            return [Reasoning(text, protocol=NAME)]
    return []


def _signed(detail: JSON, place: str) -> Reasoning | None:
    reasoning = Reasoning(
        text=text_in(detail, "text", place),
        signature=text_in(detail, "signature", place),
        sealed=text_in(detail, "data", place),
        protocol=text_in(detail, "format", place),
    )
    return reasoning if reasoning != Reasoning(protocol=reasoning.protocol) else None
