"""Moderation as OpenAI's clients ask for it; it is passed on, never translated."""

from gateway.body_fields import check_model
from gateway.dialects.openai_chat import (
    CONTENT_TYPE,
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
    check_model(body.get("model") or "")


def max_output_tokens(body: JSON) -> int | None:
    return None


def wants_stream(body: JSON) -> bool:
    return False


def wants_usage(body: JSON) -> bool:
    return True
