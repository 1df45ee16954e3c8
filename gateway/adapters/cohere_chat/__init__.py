"""Cohere's chat, version 2, as we speak it to a provider.

Source of the format: https://docs.cohere.com/reference/chat
"""

from gateway.adapters.cohere_chat.errors import error_code
from gateway.adapters.cohere_chat.inspector import StreamInspector
from gateway.adapters.cohere_chat.parser import StreamParser
from gateway.adapters.cohere_chat.request import build_request
from gateway.adapters.cohere_chat.response import parse_response, parse_result
from gateway.adapters.cohere_chat.wire import NAME
from gateway.adapters.reading import Unreadable
from gateway.adapters.relayed import build_relayed

HEADERS: dict[str, str] = {}

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
]


def stream_path(path: str) -> str:
    """Return the path for streams, which here is the same."""
    return path
