"""A form as a canonical request."""

from gateway.dialects.openai_chat import Malformed
from gateway.dialects.openai_transcription.checks import temperature_in
from gateway.multipart import Part
from gateway.operations import TranscriptionRequest
from gateway.types import JSON

_NAME = "openai_transcription"
_FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")
_GRANULARITIES = ("word", "segment")
_READ = frozenset(
    {
        "file",
        "model",
        "models",
        "provider",
        "language",
        "prompt",
        "response_format",
        "temperature",
        "timestamp_granularities",
        "stream",
    }
)
# How speakers are told apart needs no strategy where that is asked for as such.
_DIARIZING = frozenset({"chunking_strategy"})


def parse_request(body: JSON) -> TranscriptionRequest:
    sound: Part = body["file"]
    wanted = body.get("response_format") or "json"
    if wanted not in _FORMATS:
        msg = f"'response_format' must be one of {', '.join(_FORMATS)}."
        raise Malformed(msg, "response_format")
    diarize = wanted == "diarized_json"
    unread = _READ | _DIARIZING if diarize else _READ
    return TranscriptionRequest(
        audio=sound.data,
        filename=sound.filename or "audio",
        media_type=sound.content_type or "application/octet-stream",
        language=body.get("language", ""),
        prompt=body.get("prompt", ""),
        temperature=temperature_in(body),
        format=wanted,
        timestamps=_timestamps(body),
        diarize=diarize,
        extra={name: value for name, value in body.items() if name not in unread},
        protocol=_NAME,
    )


def _timestamps(body: JSON) -> frozenset[str]:
    told = body.get("timestamp_granularities", [])
    told = [told] if type(told) is str else told
    if type(told) is not list or not all(each in _GRANULARITIES for each in told):
        msg = "'timestamp_granularities[]' must be 'word' or 'segment'."
        raise Malformed(msg, "timestamp_granularities")
    return frozenset(told)
