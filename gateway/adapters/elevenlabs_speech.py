"""Text to speech as ElevenLabs offers it: the voice in the path, the format in the query.

Source of the format: https://elevenlabs.io/docs/api-reference/text-to-speech/convert
"""

import orjson

from gateway.adapters.elevenlabs_errors import error_code, hidden_fault
from gateway.adapters.reading import Unreadable
from gateway.audio_formats import PCM, audio_type_of
from gateway.canonical import AudioDelta, Chunk
from gateway.operations import SpeechRequest, SpeechResult
from gateway.types import (
    JSON,
    Outgoing,
    Quirks,
    StreamFault,
    UpstreamFault,
    UpstreamReply,
    Variant,
)

__all__ = [
    "HEADERS",
    "NAME",
    "Cutter",
    "StreamParser",
    "Unreadable",
    "build_request",
    "error_code",
    "parse_reply",
    "parse_response",
    "stream_path",
]

NAME = "elevenlabs_speech"
HEADERS: dict[str, str] = {}

# Voices of the same kind for OpenAI's names; any other name is the id of a voice.
VOICES = {
    "alloy": "21m00Tcm4TlvDq8ikWAM",  # Rachel
    "ash": "AZnzlk1XvdvUeBnXmlld",  # Domi
    "ballad": "TX3LPaxmHKxFdv7VOQHJ",  # Liam
    "cedar": "cjVigY5qzO86Huf0OWal",  # Eric
    "coral": "9BWtsMINqrJLrRacOk9x",  # Aria
    "echo": "bIHbv24MWmeRgasZH58o",  # Will
    "fable": "JBFqnCBsd6RMkjVDRZzb",  # George
    "marin": "XrExE9yKIg1WjnnlVkGX",  # Matilda
    "nova": "EXAVITQu4vr4xnSDxMaL",  # Sarah
    "onyx": "29vD33N1CtxCmqQRPOHJ",  # Drew
    "sage": "CwhRBWXzGAHq8TQ4Fs17",  # Roger
    "shimmer": "cgSgspJ2msm6clMCkdW9",  # Jessica
    "verse": "CYw3kZ02Hs0563khs1Fj",  # Dave
}
_DEFAULT_VOICE = VOICES["alloy"]

# The same sampling as OpenAI's; formats without a counterpart come as MP3.
_FORMATS = {
    "mp3": "mp3_44100_128",
    "opus": "opus_48000_128",
    "wav": "wav_24000",
    "pcm": "pcm_24000",
}
_SLOWEST, _FASTEST = 0.7, 1.2
# ElevenLabs's own words, which clients of other dialects may add to their request.
_OWN_WORDS = frozenset(
    {
        "apply_language_text_normalization",
        "apply_text_normalization",
        "language_code",
        "next_text",
        "previous_text",
        "pronunciation_dictionary_locators",
        "seed",
    }
)


def stream_path(path: str) -> str:
    return f"{path}/stream"


def build_request(
    request: SpeechRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[Outgoing, list[str]]:
    """Return what to send, and the names of what has no counterpart and was dropped."""
    body: JSON = {"text": request.text, "model_id": model_id}
    body.update({n: v for n, v in request.extra.items() if n in _OWN_WORDS})
    dropped = [n for n in request.extra if n not in {*_OWN_WORDS, "voice_settings"}]
    if settings := _settings(request, dropped):
        body["voice_settings"] = settings
    if request.instructions:
        dropped.append("instructions")
    output_format = _FORMATS.get(request.format)
    if output_format is None:
        output_format = _FORMATS["mp3"]
        dropped.append("response_format")
    dropped += [name for name in body if name in quirks.drop_params]
    sent = quirks.applied_to(body)
    variant = Variant(
        voice=VOICES.get(request.voice, request.voice) or _DEFAULT_VOICE,
        query=f"output_format={output_format}",
    )
    return Outgoing(orjson.dumps(sent), variant=variant), dropped


def _settings(request: SpeechRequest, dropped: list[str]) -> JSON:
    """Return how the voice shall sound; a speed out of its range is brought into it."""
    settings = request.extra.get("voice_settings", {})
    if type(settings) is not dict:
        dropped.append("voice_settings")
        settings = {}
    if request.speed is None:
        return settings
    speed = min(max(request.speed, _SLOWEST), _FASTEST)
    return {"speed": speed, **settings}


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer: a sound, or an error that the provider hid in it."""
    if (fault := hidden_fault(body)) is not None:
        return fault
    content_type = audio_type_of(body)
    if not content_type:
        raise Unreadable("The answer is no sound.")
    return UpstreamReply(body=body, tokens=None, content_type=content_type)


def parse_reply(reply: UpstreamReply) -> SpeechResult:
    return SpeechResult(
        audio=reply.body,
        content_type=(reply.content_type or PCM).decode(),
        tokens=reply.tokens,
    )


class Cutter:
    """Hands everything on as it comes: a sound may be cut anywhere."""

    def __init__(self, limit: int) -> None:
        pass

    def feed(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


class StreamParser:
    """Reads a sound in pieces; it is complete when the connection ends properly."""

    __slots__ = ("complete",)

    def __init__(self) -> None:
        self.complete = False

    def read(self, piece: bytes) -> list[Chunk]:
        """Return the piece. Raises `StreamFault` for an error in place of a sound."""
        if not piece:
            return []
        if not self.complete:
            if (fault := hidden_fault(piece)) is not None:
                raise StreamFault(fault)
            if not audio_type_of(piece):
                raise Unreadable("The answer is no sound.")
        self.complete = True
        return [AudioDelta(piece)]
