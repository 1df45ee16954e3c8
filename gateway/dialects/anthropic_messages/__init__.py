"""Anthropic's Messages as clients speak them to us."""

from gateway.body_fields import Malformed
from gateway.dialects.anthropic_messages.errors import build_error, build_error_event
from gateway.dialects.anthropic_messages.malformed import NAME
from gateway.dialects.anthropic_messages.request import (
    check_request,
    max_output_tokens,
    parse_request,
    wants_json,
    wants_stream,
    wants_usage,
)
from gateway.dialects.anthropic_messages.response import build_response
from gateway.dialects.anthropic_messages.stream import KEEPALIVE, StreamBuilder

CONTENT_TYPE = b"application/json"
EVENT_STREAM = b"text/event-stream; charset=utf-8"
# Which version and which experiments of the protocol the client speaks.
FORWARDED = (b"anthropic-version", b"anthropic-beta")

__all__ = [
    "CONTENT_TYPE",
    "EVENT_STREAM",
    "FORWARDED",
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
