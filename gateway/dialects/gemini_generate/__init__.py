"""`generateContent` as Google's clients speak it to us."""

from gateway.body_fields import Malformed
from gateway.dialects.gemini_generate.errors import build_error, build_error_event
from gateway.dialects.gemini_generate.protocol import (
    CONTENT_TYPE,
    EVENT_STREAM,
    KEEPALIVE,
    NAME,
)
from gateway.dialects.gemini_generate.request import (
    check_request,
    max_output_tokens,
    parse_request,
    wants_json,
    wants_stream,
    wants_usage,
)
from gateway.dialects.gemini_generate.response import build_response
from gateway.dialects.gemini_generate.stream import StreamBuilder

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
