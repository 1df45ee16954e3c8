"""A stream for who wants one: the whole answer, as the only piece of its text."""

from gateway.adapters.elevenlabs_transcription.result import (
    parse_response,
    parse_result,
)
from gateway.canonical import Chunk, Ended, TextDelta, Used
from gateway.types import StreamFault, UpstreamFault


class Cutter:
    """Keeps everything until the answer has ended."""

    def __init__(self, limit: int) -> None:
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        self._pieces.append(data)
        return b""

    def flush(self) -> bytes:
        whole = b"".join(self._pieces)
        self._pieces.clear()
        return whole


class StreamParser:
    """Reads the answer, which is complete or no answer at all."""

    complete = False

    def read(self, piece: bytes) -> list[Chunk]:
        if not piece:
            return []
        reply = parse_response(piece)
        if isinstance(reply, UpstreamFault):
            raise StreamFault(reply)
        chunks: list[Chunk] = [TextDelta(parse_result(piece).text)]
        if reply.tokens is not None:
            chunks.append(Used(reply.tokens))
        return [*chunks, Ended()]
