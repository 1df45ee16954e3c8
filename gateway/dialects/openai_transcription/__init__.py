"""Transcription as OpenAI's clients ask us for it, with a form.

Source of the format: https://platform.openai.com/docs/api-reference/audio
"""

from gateway.dialects.openai_chat import (
    EVENT_STREAM,
    KEEPALIVE,
    Malformed,
    build_error,
    build_error_event,
)
from gateway.dialects.openai_transcription.checks import (
    check_request,
    max_output_tokens,
    size_as_text,
    units,
    wants_stream,
    wants_usage,
)
from gateway.dialects.openai_transcription.request import parse_request
from gateway.dialects.openai_transcription.response import build_reply
from gateway.dialects.openai_transcription.stream import StreamBuilder

__all__ = [
    "CONTENT_TYPE",
    "EVENT_STREAM",
    "KEEPALIVE",
    "NAME",
    "Malformed",
    "StreamBuilder",
    "build_error",
    "build_error_event",
    "build_reply",
    "check_request",
    "max_output_tokens",
    "parse_request",
    "size_as_text",
    "units",
    "wants_stream",
    "wants_usage",
]

NAME = "openai_transcription"
CONTENT_TYPE = b"application/json"
