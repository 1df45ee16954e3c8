"""Why an answer ended."""

from typing import Any

from gateway.adapters.reading import object_of, text_of
from gateway.canonical import FinishReason

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "compaction": "length",
    # A paused loop of the provider's own tools: there is more, and it is not here.
    "pause_turn": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason_of(stop_reason: Any) -> FinishReason:
    return _REASONS.get(text_of(stop_reason), "stop")


def refusal_of(stop_reason: Any, details: Any) -> str:
    """Return the words in which the model refused; mostly there are none."""
    if stop_reason != "refusal":
        return ""
    return text_of(object_of(details).get("explanation"))
