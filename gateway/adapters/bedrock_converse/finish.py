"""Why an answer ended."""

from typing import Any

from gateway.adapters.reading import text_of
from gateway.canonical import FinishReason
from gateway.types import UpstreamFault

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_MALFORMED = {
    "malformed_model_output": "The model's output could not be read.",
    "malformed_tool_use": "The model's call of a tool could not be read.",
}


def finish_reason_of(stop_reason: Any) -> FinishReason:
    return _REASONS.get(text_of(stop_reason), "stop")


def malformed(stop_reason: Any) -> UpstreamFault | None:
    """Return the fault when the provider could make no sense of its model."""
    reason = text_of(stop_reason)
    message = _MALFORMED.get(reason)
    return None if message is None else UpstreamFault(reason, message)
