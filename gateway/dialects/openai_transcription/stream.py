"""A transcription as events."""

import orjson

from gateway.canonical import Chunk, TextDelta, Used
from gateway.dialects.openai_transcription.response import usage_of
from gateway.operations import TranscriptionResult
from gateway.types import JSON
from usage.tokens import Tokens


class StreamBuilder:
    """Writes deltas of the text, and in the end the whole of it."""

    def __init__(
        self, answer_id: str, created: int, model: str, *, with_usage: bool
    ) -> None:
        self._text: list[str] = []
        self._tokens: Tokens | None = None

    def write(self, chunk: Chunk) -> bytes:
        if isinstance(chunk, TextDelta):
            self._text.append(chunk.text)
            return _event({"type": "transcript.text.delta", "delta": chunk.text})
        if isinstance(chunk, Used):
            self._tokens = chunk.tokens
        return b""

    def close(self) -> bytes:
        result = TranscriptionResult(text="".join(self._text), tokens=self._tokens)
        return _event(
            {"type": "transcript.text.done", "text": result.text, **usage_of(result)}
        )


def _event(data: JSON) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"
