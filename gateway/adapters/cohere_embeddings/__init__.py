"""Cohere's embeddings, version 2, as we speak them to a provider.

Source of the format: https://docs.cohere.com/reference/embed
"""

from gateway.adapters.cohere_chat.errors import error_code
from gateway.adapters.cohere_embeddings.request import (
    NAME,
    build_request,
)
from gateway.adapters.cohere_embeddings.response import parse_response, parse_result
from gateway.adapters.reading import Unreadable
from gateway.adapters.relayed import build_relayed

HEADERS: dict[str, str] = {}

__all__ = [
    "HEADERS",
    "NAME",
    "Unreadable",
    "build_relayed",
    "build_request",
    "error_code",
    "parse_response",
    "parse_result",
    "stream_path",
]


def stream_path(path: str) -> str:
    """Return the path, for nothing is streamed here."""
    return path
