"""`generateContent` as we speak it to Google, on its Developer API and on Vertex.

Source of the format: https://ai.google.dev/api/generate-content
"""

from gateway.adapters.gemini_generate.defaults import with_defaults
from gateway.adapters.gemini_generate.errors import error_code
from gateway.adapters.gemini_generate.inspector import StreamInspector
from gateway.adapters.gemini_generate.parser import StreamParser
from gateway.adapters.gemini_generate.protocol import NAME
from gateway.adapters.gemini_generate.request import (
    build_relayed,
    build_request,
    stream_path,
)
from gateway.adapters.gemini_generate.response import parse_response, parse_result
from gateway.adapters.reading import Unreadable

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
    "with_defaults",
]
