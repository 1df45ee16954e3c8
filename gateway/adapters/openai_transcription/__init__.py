"""Transcription as OpenAI and many others offer it.

Source of the format: https://platform.openai.com/docs/api-reference/audio
"""

from gateway.adapters.openai_chat import Unreadable, error_code
from gateway.adapters.openai_transcription.relay import (
    StreamInspector,
    build_relayed_form,
    parse_response,
)
from gateway.adapters.openai_transcription.request import build_request
from gateway.adapters.openai_transcription.result import parse_result

__all__ = [
    "HEADERS",
    "NAME",
    "StreamInspector",
    "Unreadable",
    "build_relayed_form",
    "build_request",
    "error_code",
    "parse_response",
    "parse_result",
    "stream_path",
]

NAME = "openai_transcription"
HEADERS: dict[str, str] = {}


def stream_path(path: str) -> str:
    return path
