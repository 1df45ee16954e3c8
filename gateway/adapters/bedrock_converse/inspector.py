"""A stream on its way to a client that speaks the same protocol."""

from gateway.adapters.bedrock_converse.parser import StreamParser
from gateway.canonical import CONTENT, Ended, Finished, Used
from gateway.types import StreamFault, StreamNotes
from usage.tokens import Tokens


class StreamInspector:
    """Reads a stream for usage, errors and the end, and passes on what it read.

    Usage belongs to the protocol, so there is never any to hide.
    """

    complete = False
    # The protocol does not say who answered.
    reported_model = ""

    __slots__ = ("_parser", "finish_reason", "started", "tokens")

    def __init__(self, *, hide_usage: bool) -> None:
        self._parser = StreamParser()
        self.started = False
        self.tokens: Tokens | None = None
        self.finish_reason = ""

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole frames. Raises `Unreadable` for what is none."""
        try:
            chunks = self._parser.read(piece)
        except StreamFault as fault:
            return StreamNotes(b"", fault=fault.fault)
        is_done = False
        for chunk in chunks:
            self.started = self.started or isinstance(chunk, CONTENT)
            is_done = is_done or isinstance(chunk, Ended)
            if isinstance(chunk, Used):
                self.tokens = chunk.tokens
            elif isinstance(chunk, Finished):
                self.finish_reason = chunk.finish_reason
        return StreamNotes(piece, is_done=is_done)
