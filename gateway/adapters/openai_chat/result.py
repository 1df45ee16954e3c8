"""A whole chat completion as a canonical result."""

from typing import Any

import orjson

from gateway.adapters.openai_chat.content import (
    BROKEN_OFF,
    annotations_of,
    arguments_of,
    call_id_of,
    dumps_or,
    finish_reason_of,
    logprobs_of,
    reasoning_of,
    signature_of,
    sources_of,
    texts_of,
)
from gateway.adapters.openai_chat.protocol import NAME
from gateway.adapters.openai_chat.usage import tokens_of
from gateway.adapters.reading import Unreadable, printable
from gateway.canonical import (
    ChatResult,
    Choice,
    Citation,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.types import JSON


def parse_result(body: bytes) -> ChatResult:
    """Read an answer. Raises `Unreadable` for one that is none, or was broken off."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        msg = "The answer is not valid JSON."
        raise Unreadable(msg) from error
    choices = tree.get("choices") if type(tree) is dict else None
    if not isinstance(choices, list) or not choices:
        msg = "The answer holds no choices."
        raise Unreadable(msg)
    told = tree.get("id")
    answer_id = told if isinstance(told, str) else ""
    citations: dict[Citation, None] = {}
    read: list[Choice] = []
    for position, choice in enumerate(choices):
        message = choice.get("message") if type(choice) is dict else None
        if type(message) is not dict:
            msg = f"Choice {position} of the answer holds no message."
            raise Unreadable(msg)
        read.append(_choice(choice, message, answer_id, position))
        citations.update(dict.fromkeys(annotations_of(message)))
    if not citations:
        citations.update(dict.fromkeys(sources_of(tree)))
    model = tree.get("model")
    return ChatResult(
        id=answer_id,
        model=printable(model) if isinstance(model, str) else "",
        choices=tuple(read),
        tokens=tokens_of(tree.get("usage")),
        citations=tuple(citations),
    )


def _choice(choice: JSON, message: JSON, answer_id: str, position: int) -> Choice:
    reason = choice.get("finish_reason")
    if isinstance(reason, str) and reason in BROKEN_OFF:
        msg = "The provider broke the answer off."
        raise Unreadable(msg)
    calls = _calls(message, answer_id)
    stop = choice.get("stop_reason")
    index = choice.get("index")
    return Choice(
        parts=(*_words(message), *calls),
        finish_reason=finish_reason_of(reason, has_calls=bool(calls)),
        index=index if type(index) is int and 0 <= index < 1000 else position,
        logprobs=logprobs_of(choice),
        # vLLM's; a number there is the id of a token.
        stop_sequence=stop if isinstance(stop, str) else "",
    )


def _words(message: JSON) -> list[Part]:
    """Return reasoning, text and refusal."""
    text, thinking = texts_of(message.get("content"))
    audio = message.get("audio")
    if not text and type(audio) is dict and isinstance(audio.get("transcript"), str):
        text = audio["transcript"]
    reasoning = reasoning_of(message) or thinking
    details = message.get("reasoning_details")
    # OpenRouter wants them back as they are.
    sealed = dumps_or(details, "") if isinstance(details, list) and details else ""
    parts: list[Part] = []
    if reasoning or sealed:
        parts.append(Reasoning(text=reasoning, sealed=sealed, protocol=NAME))
    if text:
        parts.append(Text(text))
    if isinstance(refusal := message.get("refusal"), str) and refusal:
        parts.append(Refusal(refusal))
    return parts


def _calls(message: JSON, answer_id: str) -> list[ToolCall]:
    told = message.get("tool_calls")
    calls = told if isinstance(told, list) else []
    if type(function := message.get("function_call")) is dict and not calls:
        calls = [{"function": function}]
    read: list[ToolCall] = []
    for call in calls:
        function = call.get("function") if type(call) is dict else None
        if type(function) is not dict:
            continue
        name = function.get("name")
        if not isinstance(name, str) or not name:
            continue
        read.append(
            ToolCall(
                id=call_id_of(call.get("id"), answer_id, len(read)),
                name=name,
                arguments=arguments_of(function) or "{}",
                signature=signature_of(call),
            )
        )
    return read
