"""The items of a request's input as messages."""

from typing import Any, Literal

from gateway.body_fields import Malformed, objects_in, text_in
from gateway.canonical import (
    Message,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from gateway.dialects.openai_responses.parts import (
    parse_content,
    parse_output,
    parse_texts,
)
from gateway.dialects.openai_responses.seals import opened
from gateway.types import JSON

# What OpenAI's own tools did. The answer that follows says what came of it.
_RECORDS = frozenset(
    {
        "code_interpreter_call",
        "file_search_call",
        "image_generation_call",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
        "web_search_call",
    }
)


class InputReader:
    """Puts items together to messages: what one side says in a row is one message.

    `left_out` names the items that only their own provider can read.
    """

    def __init__(self) -> None:
        self.left_out: dict[str, str] = {}
        self._messages: list[Message] = []
        self._said: list[Part] = []
        self._results: list[Part] = []
        self._names: dict[str, str] = {}
        self._signatures: dict[str, str] = {}

    def read(self, body: JSON) -> tuple[Message, ...]:
        if instructions := text_in(body, "instructions"):
            self._messages.append(Message("system", (Text(instructions),)))
        if type(text := body.get("input")) is str:
            self._messages.append(Message("user", (Text(text),)))
        else:
            for at, item in objects_in(body, "input"):
                self._read(item, at)
        self._end_turn()
        return tuple(self._messages)

    def _read(self, item: JSON, at: str) -> None:
        kind = item.get("type") or "message"
        match kind:
            case "message":
                self._message(item, at)
            case "function_call":
                self._say(_call(item, at, self._signatures))
                self._names[item["call_id"]] = item["name"]
            case "function_call_output":
                self._answer(_result(item, at, self._names))
            case "reasoning":
                self._reasoning(item, at)
            case "item_reference":
                msg = f"'{at}' names an item that is kept elsewhere. Send the item itself."
                raise Malformed(msg, at)
            case str() if kind in _RECORDS:
                self.left_out[f"input.{kind}"] = kind
            case _:
                place = f"{at}.type"
                told = kind[:60] if type(kind) is str else "This"
                msg = (
                    f"'{place}': {told!r} is an item that only OpenAI's own models take, "
                    "and the model that was chosen is spoken to differently. Send "
                    "messages, function calls and their outputs."
                )
                raise Malformed(msg, place)

    def _message(self, item: JSON, at: str) -> None:
        match item.get("role"):
            case "user":
                self._add("user", parse_content(item, "content", at))
            case "system" | "developer":
                self._add("system", parse_texts(item, "content", at))
            case "assistant":
                parts = parse_content(item, "content", at)
                self._say(*(part for part in parts if part != Text("")))
            case _:
                place = f"{at}.role"
                raise Malformed(f"'{place}' is not a known role.", place)

    def _reasoning(self, item: JSON, at: str) -> None:
        item_id = text_in(item, "id", f"{at}.")
        sealed = text_in(item, "encrypted_content", f"{at}.")
        match opened(item_id, sealed, _thought(item, at)):
            case Reasoning() as reasoning:
                self._say(reasoning)
            case (call_id, signature):
                self._signatures[call_id] = signature

    def _say(self, *parts: Part) -> None:
        if self._results:
            self._end_turn()
        self._said += parts

    def _answer(self, result: ToolResult) -> None:
        if self._said:
            self._end_turn()
        self._results.append(result)

    def _add(self, role: Literal["system", "user"], parts: tuple[Part, ...]) -> None:
        self._end_turn()
        self._messages.append(Message(role, parts))

    def _end_turn(self) -> None:
        if self._said:
            self._messages.append(Message("assistant", tuple(self._said)))
        if self._results:
            self._messages.append(Message("user", tuple(self._results)))
        self._said, self._results = [], []


def _call(item: JSON, at: str, signatures: dict[str, str]) -> ToolCall:
    call_id = _given(item, "call_id", at)
    return ToolCall(
        id=call_id,
        name=_given(item, "name", at),
        arguments=text_in(item, "arguments", f"{at}.") or "{}",
        signature=signatures.get(call_id, ""),
    )


def _result(item: JSON, at: str, names: dict[str, str]) -> ToolResult:
    call_id = _given(item, "call_id", at)
    parts = parse_output(item, at)
    cached = any(part.cached for part in parts)
    return ToolResult(call_id, parts, names.get(call_id, ""), cached=cached)


def _given(item: JSON, name: str, at: str) -> str:
    if not (text := text_in(item, name, f"{at}.")):
        raise Malformed(f"'{at}.{name}' must be given.", f"{at}.{name}")
    return text


def _thought(item: JSON, at: str) -> str:
    """Return the text: the summary, or the reasoning itself where only that is there."""
    for name in ("summary", "content"):
        texts: list[Any] = [
            text_in(part, "text", f"{place}.")
            for place, part in objects_in(item, name, f"{at}.")
        ]
        if text := "\n\n".join(text for text in texts if text):
            return text
    return ""
