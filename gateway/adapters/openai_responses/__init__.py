"""Responses as we speak them to a provider: OpenAI, xAI, and Perplexity's Agent API.

Source of the format: https://platform.openai.com/docs/api-reference/responses
"""

from gateway.adapters.openai_responses.defaults import with_defaults
from gateway.adapters.openai_responses.errors import error_code
from gateway.adapters.openai_responses.protocol import HEADERS, NAME, stream_path
from gateway.adapters.openai_responses.relay import (
    StreamInspector,
    build_relayed,
    parse_response,
)
from gateway.adapters.openai_responses.request import build_request
from gateway.adapters.openai_responses.result import parse_result
from gateway.adapters.openai_responses.stream import StreamParser
from gateway.adapters.reading import Unreadable

__all__ = [
    "HEADERS",
    "NAME",
    "StreamInspector",
    "StreamParser",
    "Unreadable",
    "build_relayed",
    "build_request",
    "error_code",
    "parse_response",
    "parse_result",
    "stream_path",
    "with_defaults",
]
