"""Tool calls out of the events of a stream."""

from gateway.adapters.openai_chat.content import arguments_of, call_id_of
from gateway.adapters.reading import text_of
from gateway.canonical import Chunk, ToolArgumentsDelta, ToolCallBegan
from gateway.types import JSON

Key = int | str


class _Call:
    """A tool call in the making; told once its name is known."""

    __slots__ = ("arguments", "number", "told")

    def __init__(self) -> None:
        # What came before the name.
        self.arguments = ""
        # The number under which it was told, -1 before that.
        self.number = -1
        # Whether any arguments were.
        self.told = False


class CallReader:
    """Reads the tool calls of an answer, each known by the place of its item."""

    __slots__ = ("_calls", "count")

    def __init__(self) -> None:
        self._calls: dict[Key, _Call] = {}
        self.count = 0

    def begin(self, key: Key, described: JSON, answer_id: str) -> list[Chunk]:
        """Return the call, if the item names it and it was not told yet."""
        call, name = self._call(key), text_of(described.get("name"))
        if call.number >= 0 or not name:
            return []
        call.number = self.count
        self.count += 1
        told = text_of(described.get("call_id")) or described.get("id")
        call_id = call_id_of(told, answer_id, call.number)
        arguments, call.arguments = call.arguments, ""
        return [ToolCallBegan(call.number, call_id, name), *self.add(key, arguments)]

    def add(self, key: Key, text: str) -> list[Chunk]:
        """Return a piece of the arguments, kept as long as the call has no name."""
        call = self._call(key)
        if not text:
            return []
        if call.number < 0:
            call.arguments += text
            return []
        call.told = True
        return [ToolArgumentsDelta(call.number, text)]

    def add_all(self, key: Key, text: str) -> list[Chunk]:
        """Return the arguments, if no piece of them was told before."""
        call = self._call(key)
        return [] if call.told or call.arguments else self.add(key, text)

    def close(self, key: Key, described: JSON, answer_id: str) -> list[Chunk]:
        """Return of a call what is still untold."""
        chunks = self.begin(key, described, answer_id)
        if self._call(key).number >= 0:
            chunks += self.add_all(key, arguments_of(described) or "{}")
        return chunks

    def finish(self) -> list[Chunk]:
        """Return the arguments of the calls that have none."""
        untold = [c for c in self._calls.values() if c.number >= 0 and not c.told]
        return [ToolArgumentsDelta(call.number, "{}") for call in untold]

    def _call(self, key: Key) -> _Call:
        return self._calls.setdefault(key, _Call())
