"""Pictures made from words, whole and streamed.

Source of the format: https://platform.openai.com/docs/api-reference/images
"""

from gateway.adapters.openai_chat import Unreadable, error_code
from gateway.adapters.openai_images.frames import Cutter
from gateway.adapters.openai_images.relay import (
    StreamInspector,
    parse_response,
)
from gateway.adapters.relayed import build_relayed

HEADERS: dict[str, str] = {}
NAME = "openai_images"

__all__ = [
    "HEADERS",
    "NAME",
    "Cutter",
    "StreamInspector",
    "Unreadable",
    "build_relayed",
    "error_code",
    "parse_response",
    "stream_path",
]


def stream_path(path: str) -> str:
    return path
