"""Signalbox's own dialect: one flat object in, one flat object out, in camelCase."""

from gateway.dialects.openai_chat import Malformed
from gateway.dialects.signalbox.checks import (
    check_request,
    max_output_tokens,
    wants_json,
    wants_stream,
    wants_usage,
)
from gateway.dialects.signalbox.errors import build_error, build_error_event
from gateway.dialects.signalbox.protocol import (
    ASSUMED,
    CONTENT_TYPE,
    EVENT_STREAM,
    KEEPALIVE,
    NAME,
)
from gateway.dialects.signalbox.request import parse_request
from gateway.dialects.signalbox.response import build_response
from gateway.dialects.signalbox.stream import StreamBuilder

__all__ = [
    "ASSUMED",
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
