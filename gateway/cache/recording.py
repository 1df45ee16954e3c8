"""A stream kept aside while it is relayed, to be made whole once it has ended."""

from types import ModuleType
from typing import cast

from gateway.cache.folding import fold
from gateway.canonical import ChatResult, Chunk, Ended
from gateway.protocols import ADAPTERS
from gateway.types import StreamFault, StreamNotes
from gateway.upstream.streams import Inspector
from usage.tokens import Tokens

MAX_BYTES = 512 * 1024


class Recorder:
    """Keeps the provider's events of the attempt that was begun last."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._watched: _Watched | None = None

    def watch(self, inspector: Inspector, handler: str) -> Inspector:
        """Return the inspector, which now also keeps what it reads."""
        self._watched = _Watched(inspector, ADAPTERS[handler], self._max_bytes)
        return cast("Inspector", self._watched)

    def result(self) -> ChatResult | None:
        """Return the whole answer; None when it has no end, or is too long to keep."""
        return None if self._watched is None else self._watched.result()


class _Watched:
    __slots__ = ("_adapter", "_inspector", "_pieces", "_room")

    def __init__(
        self, inspector: Inspector, adapter: ModuleType, max_bytes: int
    ) -> None:
        self._inspector = inspector
        self._adapter = adapter
        self._room = max_bytes
        self._pieces: list[bytes] = []

    @property
    def started(self) -> bool:
        return self._inspector.started

    @property
    def tokens(self) -> Tokens | None:
        return self._inspector.tokens

    @property
    def reported_model(self) -> str:
        return self._inspector.reported_model

    @property
    def complete(self) -> bool:
        return self._inspector.complete

    def read(self, piece: bytes) -> StreamNotes:
        self._room -= len(piece)
        if self._room >= 0:
            self._pieces.append(piece)
        else:
            self._pieces.clear()
        return self._inspector.read(piece)

    def result(self) -> ChatResult | None:
        if self._room < 0:
            return None
        parser = self._adapter.StreamParser()
        chunks: list[Chunk] = []
        try:
            for piece in self._pieces:
                chunks += parser.read(piece)
        except (self._adapter.Unreadable, StreamFault):
            return None
        is_whole = parser.complete or (chunks and isinstance(chunks[-1], Ended))
        return fold(chunks) if is_whole else None
