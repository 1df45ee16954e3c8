"""Moderation as OpenAI's clients ask for it; it is passed on, never translated."""

from gateway.dialects.openai_chat import (
    CONTENT_TYPE,
    MAX_MODEL_LENGTH,
    Malformed,
    build_error,
)
from gateway.types import JSON

__all__ = [
    "CONTENT_TYPE",
    "NAME",
    "Malformed",
    "build_error",
    "check_request",
    "max_output_tokens",
    "wants_stream",
    "wants_usage",
]

NAME = "openai_moderation"


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    value = body.get("input")
    kinds = {type(each) for each in value} if type(value) is list else None
    if type(value) is not str and kinds not in ({str}, {dict}):
        msg = "'input' must be a string, or a list of strings or of parts."
        raise Malformed(msg, "input")
    model = body.get("model") or ""
    if type(model) is not str or len(model) > MAX_MODEL_LENGTH:
        msg = f"'model' must be a string of at most {MAX_MODEL_LENGTH} characters."
        raise Malformed(msg, "model")


def max_output_tokens(body: JSON) -> int | None:
    return None


def wants_stream(body: JSON) -> bool:
    return False


def wants_usage(body: JSON) -> bool:
    return True
