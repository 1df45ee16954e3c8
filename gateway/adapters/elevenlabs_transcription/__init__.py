"""Transcription as ElevenLabs offers it.

Source of the format: https://elevenlabs.io/docs/api-reference/speech-to-text/convert
"""

from gateway.adapters.elevenlabs_errors import error_code
from gateway.adapters.elevenlabs_transcription.request import build_request
from gateway.adapters.elevenlabs_transcription.result import (
    parse_response,
    parse_result,
)
from gateway.adapters.elevenlabs_transcription.stream import Cutter, StreamParser
from gateway.adapters.reading import Unreadable

__all__ = [
    "HEADERS",
    "NAME",
    "Cutter",
    "StreamParser",
    "Unreadable",
    "build_request",
    "error_code",
    "parse_response",
    "parse_result",
    "stream_path",
]

NAME = "elevenlabs_transcription"
HEADERS: dict[str, str] = {}


def stream_path(path: str) -> str:
    return path
