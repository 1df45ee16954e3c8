"""Chat completions as we speak them to a provider.

Source of the format: https://platform.openai.com/docs/api-reference/chat
"""

from gateway.adapters.openai_chat.errors import error_code
from gateway.adapters.openai_chat.protocol import HEADERS, NAME, stream_path
from gateway.adapters.openai_chat.relay import (
    StreamInspector,
    build_relayed,
    parse_response,
)
from gateway.adapters.openai_chat.request import build_request
from gateway.adapters.openai_chat.result import parse_result
from gateway.adapters.openai_chat.stream import StreamParser
from gateway.adapters.reading import Unreadable
from gateway.openai_families import must_bridge

__all__ = [
    "HEADERS",
    "NAME",
    "StreamInspector",
    "StreamParser",
    "Unreadable",
    "build_relayed",
    "build_request",
    "error_code",
    "must_bridge",
    "parse_response",
    "parse_result",
    "stream_path",
]
