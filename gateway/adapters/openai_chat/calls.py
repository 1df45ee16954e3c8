"""Tool calls out of the fragments of a stream."""

from typing import Any

from gateway.adapters.openai_chat.content import arguments_of, call_id_of, signature_of
from gateway.canonical import Chunk, ToolArgumentsDelta, ToolCallBegan
from gateway.types import JSON


class _Call:
    """A tool call in the making; told once its name is known."""

    __slots__ = ("arguments", "id", "index", "number", "signature", "told")

    def __init__(self, index: int | None, call_id: str) -> None:
        self.index = index
        self.id = call_id
        self.signature = ""
        # What came before the name.
        self.arguments = ""
        # The number under which it was told, -1 before that.
        self.number = -1
        # Whether any arguments were.
        self.told = False


class CallReader:
    """Reads the tool calls of one choice.

    Servers number fragments by index, by id, by both or not at all, and some give every
    call the index 0.
    """

    __slots__ = ("_calls", "_choice", "count")

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._calls: list[_Call] = []
        self.count = 0

    def read(self, fragment: JSON, answer_id: str) -> list[Chunk]:
        """Return what a fragment adds."""
        function = fragment.get("function")
        if type(function) is not dict:
            function = {}
        told_name = function.get("name")
        name = told_name if isinstance(told_name, str) else ""
        call = self._call_of(fragment, name)
        if call is None:
            return []
        call.signature = call.signature or signature_of(fragment)
        call.arguments += arguments_of(function)
        chunks: list[Chunk] = []
        if call.number < 0 and name:
            call.number = self.count
            self.count += 1
            call.id = call_id_of(call.id, answer_id, call.number)
            chunks.append(
                ToolCallBegan(call.number, call.id, name, call.signature, self._choice)
            )
        if call.number >= 0 and call.arguments:
            chunks.append(ToolArgumentsDelta(call.number, call.arguments, self._choice))
            call.told, call.arguments = True, ""
        return chunks

    def finish(self) -> list[Chunk]:
        """Return the arguments of the calls that have none."""
        untold = [call for call in self._calls if call.number >= 0 and not call.told]
        for call in untold:
            call.told = True
        return [ToolArgumentsDelta(call.number, "{}", self._choice) for call in untold]

    def _call_of(self, fragment: JSON, name: str) -> _Call | None:
        """Return the call that a fragment belongs to, a new one if need be."""
        call_id, index = _text(fragment.get("id")), fragment.get("index")
        if type(index) is not int:
            index = None
        if call_id:
            known = self._last(lambda call: call.id == call_id)
            if known is None and index is not None:
                # The id may come after the first fragment.
                known = self._last(lambda call: call.index == index and not call.id)
                if known is not None:
                    known.id = call_id
        elif index is not None:
            known = self._last(lambda call: call.index == index)
        else:
            known = None if name else self._last(lambda call: True)
        if known is None and (call_id or name or index is not None):
            known = _Call(index, call_id)
            self._calls.append(known)
        return known

    def _last(self, matches: Any) -> _Call | None:
        return next((call for call in reversed(self._calls) if matches(call)), None)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
