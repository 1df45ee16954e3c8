"""Pictures as OpenAI's clients ask for them; passed on, never translated."""

from gateway.body_fields import check_model
from gateway.dialects.openai_chat import (
    CONTENT_TYPE,
    EVENT_STREAM,
    KEEPALIVE,
    Malformed,
    build_error,
)
from gateway.dialects.openai_chat import build_error_event as build_data_event
from gateway.types import JSON

__all__ = [
    "CONTENT_TYPE",
    "EVENT_STREAM",
    "KEEPALIVE",
    "NAME",
    "Malformed",
    "build_error",
    "build_error_event",
    "check_request",
    "max_output_tokens",
    "units",
    "wants_stream",
    "wants_usage",
]

NAME = "openai_images"


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    prompt = body.get("prompt")
    if type(prompt) is not str or not prompt:
        raise Malformed("'prompt' must be a string that says something.", "prompt")
    check_model(body.get("model") or "")
    count = body.get("n")
    if count is not None and (type(count) is not int or count < 1):
        raise Malformed("'n' must be a whole number above zero.", "n")
    stream = body.get("stream")
    if stream is not None and type(stream) is not bool:
        raise Malformed("'stream' must be true or false.", "stream")


def units(body: JSON) -> dict[str, int]:
    """Return how many pictures are wanted."""
    return {"image": body.get("n") or 1}


def max_output_tokens(body: JSON) -> int | None:
    return None


def wants_stream(body: JSON) -> bool:
    return body.get("stream") is True


def wants_usage(body: JSON) -> bool:
    return True


def build_error_event(
    status: int, code: str, message: str, param: str | None = None
) -> bytes:
    """Return the event that ends a stream; its events have names."""
    return b"event: error\n" + build_data_event(status, code, message, param)
