"""Reranking as Cohere's clients speak it to us.

Source of the format: https://docs.cohere.com/v1/reference/rerank
"""

from gateway.body_fields import Malformed
from gateway.dialects.cohere_rerank.answers import (
    CONTENT_TYPE,
    EVENT_STREAM,
    KEEPALIVE,
    build_error,
    build_error_event,
    build_reply,
    build_response,
)
from gateway.dialects.cohere_rerank.checks import (
    NAME,
    check_request,
    max_output_tokens,
    name_for,
    units,
    wants_stream,
    wants_usage,
)
from gateway.dialects.cohere_rerank.request import parse_request

__all__ = [
    "CONTENT_TYPE",
    "EVENT_STREAM",
    "KEEPALIVE",
    "NAME",
    "Malformed",
    "build_error",
    "build_error_event",
    "build_reply",
    "build_response",
    "check_request",
    "max_output_tokens",
    "name_for",
    "parse_request",
    "units",
    "wants_stream",
    "wants_usage",
]
