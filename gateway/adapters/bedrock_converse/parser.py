"""A stream taken apart into chunks."""

from gateway.adapters.bedrock_converse.citations import citation_of
from gateway.adapters.bedrock_converse.errors import exception_of
from gateway.adapters.bedrock_converse.finish import finish_reason_of, malformed
from gateway.adapters.bedrock_converse.frames import Frame, frames_in
from gateway.adapters.bedrock_converse.names import original_name
from gateway.adapters.bedrock_converse.usage import tokens_of
from gateway.adapters.bedrock_converse.wire import NAME, loads, number_of
from gateway.adapters.reading import object_of, text_of
from gateway.canonical import (
    Began,
    Chunk,
    Cited,
    Ended,
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallBegan,
    Used,
)
from gateway.types import JSON, StreamFault, UpstreamFault


class StreamParser:
    """Reads the frames of one answer. Events and blocks of unknown kinds are ignored."""

    # Usage comes last, after the reason why the answer ended; a stream without it was
    # cut.
    complete = False

    __slots__ = ("_arguments", "_calls", "_fault")

    def __init__(self) -> None:
        # The number of the call in each block, and whether it has arguments yet.
        self._calls: dict[int, int] = {}
        self._arguments: set[int] = set()
        self._fault: UpstreamFault | None = None

    def read(self, piece: bytes) -> list[Chunk]:
        """Return what whole frames say.

        Raises `StreamFault` for an exception, once what came before it was returned,
        and `Unreadable` for what is no frame.
        """
        chunks: list[Chunk] = []
        for frame in frames_in(piece) if self._fault is None else ():
            self._read_frame(frame, chunks)
            if self._fault is not None:
                break
        if self._fault is not None and not chunks:
            raise StreamFault(self._fault)
        return chunks

    def _read_frame(self, frame: Frame, chunks: list[Chunk]) -> None:
        if frame.kind != "event":
            self._fault = exception_of(frame.name, frame.payload)
        elif (read := self._READERS.get(frame.name)) is not None:
            read(self, loads(frame.payload), chunks)

    def _read_message_start(self, tree: JSON, chunks: list[Chunk]) -> None:
        chunks.append(Began())

    def _read_block_start(self, tree: JSON, chunks: list[Chunk]) -> None:
        call = object_of(object_of(tree.get("start")).get("toolUse"))
        if not call:
            return
        number = len(self._calls)
        self._calls[_index_of(tree)] = number
        chunks.append(
            ToolCallBegan(
                call=number,
                id=text_of(call.get("toolUseId")),
                name=original_name(text_of(call.get("name"))),
            )
        )

    def _read_delta(self, tree: JSON, chunks: list[Chunk]) -> None:
        delta = object_of(tree.get("delta"))
        if text := text_of(delta.get("text")):
            chunks.append(TextDelta(text))
        number = self._calls.get(_index_of(tree))
        written = text_of(object_of(delta.get("toolUse")).get("input"))
        if number is not None and written:
            self._arguments.add(number)
            chunks.append(ToolArgumentsDelta(call=number, text=written))
        if type(thought := delta.get("reasoningContent")) is dict:
            told = ReasoningDelta(
                text=text_of(thought.get("text")),
                signature=text_of(thought.get("signature")),
                sealed=text_of(thought.get("redactedContent")),
                protocol=NAME,
            )
            if told.text or told.signature or told.sealed:
                chunks.append(told)
        if type(cited := delta.get("citation")) is dict:
            chunks.append(Cited(citation_of(cited)))

    def _read_block_stop(self, tree: JSON, chunks: list[Chunk]) -> None:
        number = self._calls.get(_index_of(tree))
        if number is not None and number not in self._arguments:
            self._arguments.add(number)
            chunks.append(ToolArgumentsDelta(call=number, text="{}"))

    def _read_message_stop(self, tree: JSON, chunks: list[Chunk]) -> None:
        reason = tree.get("stopReason")
        self._fault = malformed(reason)
        if self._fault is None:
            chunks.append(Finished(finish_reason_of(reason)))

    def _read_metadata(self, tree: JSON, chunks: list[Chunk]) -> None:
        if (tokens := tokens_of(tree.get("usage"))) is not None:
            chunks.append(Used(tokens))
        chunks.append(Ended())

    _READERS = {
        "messageStart": _read_message_start,
        "contentBlockStart": _read_block_start,
        "contentBlockDelta": _read_delta,
        "contentBlockStop": _read_block_stop,
        "messageStop": _read_message_stop,
        "metadata": _read_metadata,
    }


def _index_of(tree: JSON) -> int:
    return number_of(tree.get("contentBlockIndex"))
