"""Why an answer ended, as clients of the protocol read it."""

from gateway.canonical import FinishReason
from gateway.types import JSON

_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}


def build_finish(reason: FinishReason, stop_sequence: str, refusal: str) -> JSON:
    """Return the three members that tell why the answer ended."""
    stop_reason = _REASONS[reason]
    if refusal and reason == "stop":
        stop_reason = "refusal"
    elif stop_sequence and reason == "stop":
        stop_reason = "stop_sequence"
    details = {"type": "refusal", "category": None, "explanation": refusal or None}
    return {
        "stop_reason": stop_reason,
        "stop_sequence": stop_sequence or None,
        "stop_details": details if stop_reason == "refusal" else None,
    }
