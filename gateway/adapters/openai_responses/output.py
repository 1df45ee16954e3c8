"""What the items of an answer say."""

from typing import Any

from gateway.adapters.openai_chat.content import (
    arguments_of,
    call_id_of,
    dumps_or,
)
from gateway.adapters.openai_responses.protocol import NAME
from gateway.adapters.reading import object_of, objects_of, text_of
from gateway.canonical import Citation, FinishReason, Reasoning, ToolCall
from gateway.types import JSON

_FINISH_REASONS: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
}
_SOURCES = frozenset({"url_citation", "citation"})


def finish_reason_of(response: JSON, *, has_calls: bool) -> FinishReason:
    details = object_of(response.get("incomplete_details"))
    reason = _FINISH_REASONS.get(text_of(details.get("reason")))
    return reason or ("tool_calls" if has_calls else "stop")


def reasoning_of(item: JSON) -> str:
    """Return what a reasoning item shows: its summary, or else the reasoning itself."""
    summary = [text_of(piece.get("text")) for piece in objects_of(item.get("summary"))]
    content = [text_of(piece.get("text")) for piece in objects_of(item.get("content"))]
    return "\n\n".join(filter(None, summary)) or "".join(content)


def sealed_of(item: JSON) -> str:
    """Return the encrypted reasoning, with the id without which it cannot be opened."""
    encrypted = text_of(item.get("encrypted_content"))
    if not encrypted:
        return ""
    return dumps_or({"id": text_of(item.get("id")), "encrypted_content": encrypted}, "")


def thought_of(item: JSON) -> Reasoning | None:
    thought = Reasoning(reasoning_of(item), sealed=sealed_of(item), protocol=NAME)
    return thought if thought.text or thought.sealed else None


def call_of(item: JSON, answer_id: str, number: int) -> ToolCall | None:
    """Return the call that an item is; None when it does not say of what."""
    name = text_of(item.get("name"))
    if item.get("type") != "function_call" or not name:
        return None
    call_id = text_of(item.get("call_id")) or item.get("id")
    return ToolCall(
        id=call_id_of(call_id, answer_id, number),
        name=name,
        arguments=arguments_of(item) or "{}",
    )


def citations_of(annotations: Any, start: int) -> list[Citation]:
    """Return the sources of a piece of text that begins at `start`."""
    return [
        Citation(
            url=url,
            title=text_of(annotation.get("title")),
            start=_offset(annotation.get("start_index"), start),
            end=_offset(annotation.get("end_index"), start),
        )
        for annotation in objects_of(annotations)
        if annotation.get("type") in _SOURCES
        and (url := text_of(annotation.get("url")))
    ]


def _offset(value: Any, start: int) -> int:
    return start + value if type(value) is int and value >= 0 else -1


def results_of(item: JSON) -> list[Citation]:
    """Return what Perplexity found, in the order in which its text counts it."""
    return [
        Citation(url, text_of(result.get("title")), text_of(result.get("snippet")))
        for result in objects_of(item.get("results"))
        if (url := text_of(result.get("url")))
    ]


def logprobs_of(told: Any) -> list[JSON]:
    """Return log-probabilities as chat completions write them."""
    return [
        _logprob(entry)
        | {"top_logprobs": list(map(_logprob, objects_of(entry.get("top_logprobs"))))}
        for entry in objects_of(told)
        if type(entry.get("token")) is str
    ]


def _logprob(entry: JSON) -> JSON:
    logprob, told = entry.get("logprob"), entry.get("bytes")
    return {
        "token": text_of(entry.get("token")),
        "logprob": logprob if type(logprob) in {int, float} else 0.0,
        "bytes": told if _is_bytes(told) else None,
    }


def _is_bytes(value: Any) -> bool:
    return type(value) is list and all(type(b) is int and 0 <= b < 256 for b in value)
