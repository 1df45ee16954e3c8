"""Text to speech as OpenAI and many others offer it.

Source of the format: https://platform.openai.com/docs/api-reference/audio
"""

from typing import Any

import orjson

from gateway.adapters.openai_chat import Unreadable, error_code
from gateway.adapters.openai_chat.errors import hidden_fault
from gateway.adapters.openai_transcription.usage import tokens_of
from gateway.adapters.reading import loads
from gateway.adapters.relayed import kept_members
from gateway.audio_formats import audio_type_of
from gateway.operations import SpeechRequest, SpeechResult
from gateway.sse import data_of, split_events
from gateway.types import (
    JSON,
    Quirks,
    StreamNotes,
    UpstreamFault,
    UpstreamReply,
)
from usage.tokens import Tokens

__all__ = [
    "HEADERS",
    "NAME",
    "StreamInspector",
    "Unreadable",
    "build_relayed",
    "build_request",
    "error_code",
    "parse_reply",
    "parse_response",
    "stream_path",
]

NAME = "openai_speech"
HEADERS: dict[str, str] = {}

# What the canonical request calls otherwise than the wire.
_CANONICAL = {"input": "text", "response_format": "format"}


def stream_path(path: str) -> str:
    return path


def build_relayed(
    fields: dict[str, bytes],
    model_id: str,
    quirks: Quirks,
    *,
    stream: bool,
    dropped: frozenset[str],
) -> dict[str, bytes]:
    """Return the members to send for a request that came in this very protocol."""
    sent = kept_members(fields, quirks, dropped)
    sent["model"] = orjson.dumps(model_id)
    return sent


def build_request(
    request: SpeechRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[JSON, list[str]]:
    """Return the body, and the names of what has no counterpart and was dropped."""
    is_own = request.protocol == NAME
    body: JSON = {
        "input": request.text,
        "voice": request.voice or "alloy",
        "response_format": request.format,
    }
    if request.speed is not None:
        body["speed"] = request.speed
    if request.instructions:
        body["instructions"] = request.instructions
    if is_own:
        body.update(request.extra)
    refused = [name for name in body if name in quirks.drop_params]
    sent = quirks.applied_to(body)
    unsaid = [_CANONICAL.get(name, name) for name in refused]
    return {"model": model_id, **sent}, unsaid + ([] if is_own else [*request.extra])


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer: a sound, or an error that the provider hid in it."""
    if body[:16].lstrip().startswith(b"{"):
        try:
            tree: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            tree = None
        if type(tree) is dict:
            return hidden_fault(tree) or error_code(body)
    content_type = audio_type_of(body)
    if not content_type:
        raise Unreadable("The answer is no sound.")
    return UpstreamReply(body=body, tokens=None, content_type=content_type)


def parse_reply(reply: UpstreamReply) -> SpeechResult:
    return SpeechResult(
        audio=reply.body, content_type=reply.content_type.decode(), tokens=reply.tokens
    )


class StreamInspector:
    """Reads events of a sound just far enough for usage, errors and the end.

    A model that knows no events answers with the sound itself, which becomes no stream.
    """

    __slots__ = ("complete", "reported_model", "started", "tokens")

    def __init__(self, *, hide_usage: bool) -> None:
        self.started = False
        self.complete = False
        self.tokens: Tokens | None = None
        self.reported_model = ""

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        forward: list[bytes] = []
        for event in split_events(piece):
            data = data_of(event)
            if data == b"[DONE]":
                forward.append(event)
                return StreamNotes(b"".join(forward), is_done=True)
            # Sounds are long, and only the last event says more than they do.
            if data is not None and not (
                self.started and b"speech.audio.delta" in data[:64]
            ):
                tree = loads(data)
                if (fault := hidden_fault(tree)) is not None:
                    return StreamNotes(b"".join(forward), fault=fault)
                self._note(tree)
            forward.append(event)
        return StreamNotes(b"".join(forward))

    def _note(self, tree: JSON) -> None:
        match tree.get("type"):
            case "speech.audio.delta":
                self.started = True
            case "speech.audio.done":
                # A silent answer is complete as well.
                self.started = self.complete = True
                self.tokens = tokens_of(tree.get("usage"))
