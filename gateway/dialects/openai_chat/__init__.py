"""Chat completions as OpenAI's clients speak them to us."""

from gateway.body_fields import Malformed
from gateway.dialects.openai_chat.checks import (
    check_request,
    max_output_tokens,
    wants_json,
    wants_stream,
    wants_usage,
)
from gateway.dialects.openai_chat.errors import build_error, build_error_event
from gateway.dialects.openai_chat.protocol import (
    CONTENT_TYPE,
    EVENT_STREAM,
    KEEPALIVE,
    NAME,
)
from gateway.dialects.openai_chat.request import parse_request
from gateway.dialects.openai_chat.response import build_response
from gateway.dialects.openai_chat.stream import StreamBuilder

__all__ = [
    "CONTENT_TYPE",
    "EVENT_STREAM",
    "KEEPALIVE",
    "NAME",
    "Malformed",
    "StreamBuilder",
    "build_error",
    "build_error_event",
    "build_response",
    "check_request",
    "max_output_tokens",
    "parse_request",
    "wants_json",
    "wants_stream",
    "wants_usage",
]
