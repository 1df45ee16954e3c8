"""Anthropic's Messages as we speak them to a provider.

Source of the format: https://platform.claude.com/docs/en/api/messages
"""

from gateway.adapters.anthropic_messages.errors import error_code
from gateway.adapters.anthropic_messages.inspector import StreamInspector
from gateway.adapters.anthropic_messages.parser import StreamParser
from gateway.adapters.anthropic_messages.request import build_request
from gateway.adapters.anthropic_messages.response import parse_response, parse_result
from gateway.adapters.anthropic_messages.wire import NAME
from gateway.adapters.reading import Unreadable
from gateway.adapters.relayed import build_relayed

# The newer version, 2026-10-21, takes no sampling parameters from any model.
HEADERS = {"anthropic-version": "2023-06-01"}

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
    """Return the path for streams: the same, but where Google serves the protocol."""
    return path.replace(":rawPredict", ":streamRawPredict")
