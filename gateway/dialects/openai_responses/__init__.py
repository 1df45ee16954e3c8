"""OpenAI's Responses as its clients speak them to us."""

from gateway.body_fields import Malformed
from gateway.dialects.openai_responses.checks import (
    check_request,
    max_output_tokens,
    wants_json,
    wants_stream,
    wants_usage,
)
from gateway.dialects.openai_responses.errors import build_error, build_error_event
from gateway.dialects.openai_responses.protocol import (
    CONTENT_TYPE,
    EVENT_STREAM,
    KEEPALIVE,
    NAME,
)
from gateway.dialects.openai_responses.request import parse_request
from gateway.dialects.openai_responses.response import build_reply, build_response
from gateway.dialects.openai_responses.seals import MARK, without_ours
from gateway.dialects.openai_responses.stream import StreamBuilder

# A streamed answer repeats what was asked.
ECHOES_REQUEST = True

__all__ = [
    "CONTENT_TYPE",
    "ECHOES_REQUEST",
    "EVENT_STREAM",
    "KEEPALIVE",
    "MARK",
    "NAME",
    "Malformed",
    "StreamBuilder",
    "build_error",
    "build_error_event",
    "build_reply",
    "build_response",
    "check_request",
    "max_output_tokens",
    "parse_request",
    "wants_json",
    "wants_stream",
    "wants_usage",
    "without_ours",
]
