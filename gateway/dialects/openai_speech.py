"""Text to speech as OpenAI's clients ask us for it.

Source of the format: https://platform.openai.com/docs/api-reference/audio
"""

import base64

import msgspec
import orjson

from gateway.body_fields import check_model, number_in, text_in
from gateway.canonical import AudioDelta, Chunk, Used
from gateway.dialects.openai_chat import (
    EVENT_STREAM,
    KEEPALIVE,
    Malformed,
    build_error,
    build_error_event,
)
from gateway.operations import SpeechRequest, SpeechResult
from gateway.types import JSON, UpstreamReply
from usage.tokens import Tokens

__all__ = [
    "CONTENT_TYPE",
    "EVENT_STREAM",
    "KEEPALIVE",
    "NAME",
    "Malformed",
    "StreamBuilder",
    "build_error",
    "build_error_event",
    "build_reply",
    "check_request",
    "max_output_tokens",
    "parse_request",
    "units",
    "wants_stream",
    "wants_usage",
]

NAME = "openai_speech"
# Of errors; every sound brings its own.
CONTENT_TYPE = b"application/json"

_MAX_VOICE = 200
_READ = frozenset(
    {
        "model",
        "input",
        "voice",
        "response_format",
        "speed",
        "instructions",
        "stream_format",
        "models",
        "provider",
    }
)


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    text = body.get("input")
    if type(text) is not str or not text.strip():
        msg = "'input' must be the text to be spoken."
        raise Malformed(msg, "input")
    check_model(body.get("model", ""))
    voice = _voice(body)
    # It becomes a segment of a path.
    if len(voice) > _MAX_VOICE or voice in {".", ".."} or not voice.isprintable():
        msg = f"'voice' must be a name or id of at most {_MAX_VOICE} characters."
        raise Malformed(msg, "voice")
    number_in(body, "speed")
    text_in(body, "response_format")
    text_in(body, "instructions")
    if body.get("stream_format") not in (None, "audio", "sse"):
        msg = "'stream_format' must be 'audio' or 'sse'."
        raise Malformed(msg, "stream_format")


def max_output_tokens(body: JSON) -> int | None:
    """Return None: nobody bounds a sound."""
    return None


def wants_stream(body: JSON) -> bool:
    """Say whether the sound shall come as events."""
    return body.get("stream_format") == "sse"


def wants_usage(body: JSON) -> bool:
    """Return True: the last event always says it."""
    return True


def units(body: JSON) -> dict[str, int]:
    """Return what the request counts of that is priced by the piece."""
    return {"character": len(body["input"])}


def parse_request(body: JSON) -> SpeechRequest:
    return SpeechRequest(
        text=body["input"],
        voice=_voice(body),
        format=text_in(body, "response_format") or "mp3",
        speed=number_in(body, "speed"),
        instructions=text_in(body, "instructions"),
        extra={name: value for name, value in body.items() if name not in _READ},
        protocol=NAME,
    )


def build_reply(
    reply: UpstreamReply,
    request: SpeechRequest,
    result: SpeechResult,
    answer_id: str,
    created: int,
    model: str,
) -> UpstreamReply:
    return msgspec.structs.replace(
        reply, body=result.audio, content_type=result.content_type.encode("ascii")
    )


class StreamBuilder:
    """Wraps the sound into events, piece by piece."""

    def __init__(
        self, answer_id: str, created: int, model: str, *, with_usage: bool
    ) -> None:
        self._tokens: Tokens | None = None

    def write(self, chunk: Chunk) -> bytes:
        if isinstance(chunk, AudioDelta):
            audio = base64.b64encode(chunk.audio).decode("ascii")
            return _event({"type": "speech.audio.delta", "audio": audio})
        if isinstance(chunk, Used):
            self._tokens = chunk.tokens
        return b""

    def close(self) -> bytes:
        done: JSON = {"type": "speech.audio.done"}
        if (tokens := self._tokens) is not None:
            done["usage"] = {
                "input_tokens": tokens.input,
                "output_tokens": tokens.output,
                "total_tokens": tokens.input + tokens.output,
            }
        return _event(done)


def _voice(body: JSON) -> str:
    """Return the name or id of the voice, empty when there is none."""
    voice = body.get("voice")
    if type(voice) is dict:
        voice = voice.get("id")
    if voice is not None and type(voice) is not str:
        msg = "'voice' must be a string, or an object with an 'id'."
        raise Malformed(msg, "voice")
    return voice or ""


def _event(data: JSON) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"
