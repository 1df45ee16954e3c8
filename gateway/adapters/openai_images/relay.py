"""A request for pictures and its answer, passed on; only what was used is read."""

from typing import Any

import msgspec

from gateway.adapters.openai_chat import (
    Unreadable,
    error_code,
)
from gateway.adapters.openai_chat.errors import fault_of
from gateway.adapters.reading import loads
from gateway.sse import data_of, split_events
from gateway.types import StreamNotes, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

_ABSENT = msgspec.Raw(b"null")
_NO_ERROR = frozenset({b"null", b'""', b"{}"})
# A figure above this is a provider's mistake, not an answer.
_MAX_PLAUSIBLE_TOKENS = 100_000_000


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int
    output_tokens: int
    input_tokens_details: _Details | None = None


class _Reply(msgspec.Struct):
    """Only its shape: the pictures are passed on unread."""

    data: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_usage = msgspec.json.Decoder(_Usage).decode


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    try:
        reply = _decode_reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("The answer holds no pictures.") from error
    if bytes(reply.error) not in _NO_ERROR:
        return error_code(body)
    if not reply.data:
        raise Unreadable("The answer holds no pictures.")
    try:
        tokens = _tokens(_decode_usage(reply.usage))
    except (msgspec.DecodeError, UnicodeDecodeError):
        tokens = None
    # Models that report nothing are sold by the picture.
    counted = Tokens(other={"image": len(reply.data)})
    return UpstreamReply(body=body, tokens=tokens or counted)


def _tokens(usage: _Usage) -> Tokens | None:
    """Return the usage in our terms, or None when it cannot be true."""
    details = usage.input_tokens_details
    cached = (details and details.cached_tokens) or 0
    figures = (usage.input_tokens, usage.output_tokens, cached)
    if (
        min(figures) < 0
        or max(figures) > _MAX_PLAUSIBLE_TOKENS
        or usage.input_tokens + usage.output_tokens == 0
        or cached > usage.input_tokens
    ):
        return None
    return Tokens(
        input=usage.input_tokens, output=usage.output_tokens, cache_read=cached
    )


class StreamInspector:
    """Reads a stream of pictures, from the first sketch to the last finished one."""

    __slots__ = (
        "_finished",
        "_input",
        "_output",
        "complete",
        "reported_model",
        "started",
    )

    def __init__(self, *, hide_usage: bool) -> None:
        self.started = False
        # There is no terminator: the stream may end once a picture is finished.
        self.complete = False
        self.reported_model = ""
        self._finished = 0
        self._input = self._output = 0

    @property
    def tokens(self) -> Tokens | None:
        """What all finished pictures used; None as long as there is none."""
        if self._input or self._output:
            return Tokens(input=self._input, output=self._output)
        return Tokens(other={"image": self._finished}) if self._finished else None

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        forward: list[bytes] = []
        for event in split_events(piece):
            data = data_of(event)
            if data == b"[DONE]":
                forward.append(event)
                return StreamNotes(b"".join(forward), is_done=True)
            if data is not None:
                tree = loads(data)
                if tree.get("error") or tree.get("type") == "error":
                    fault = fault_of(tree.get("error") or tree)
                    return StreamNotes(b"".join(forward), fault=fault)
                self._note(tree.get("type"), tree.get("usage"))
            forward.append(event)
        return StreamNotes(b"".join(forward))

    def _note(self, kind: Any, usage: Any) -> None:
        self.started = self.started or isinstance(kind, str)
        if not isinstance(kind, str) or not kind.endswith(".completed"):
            return
        self.complete = True
        self._finished += 1
        try:
            tokens = _tokens(msgspec.convert(usage, _Usage))
        except msgspec.ValidationError:
            return
        if tokens is not None:
            self._input += tokens.input
            self._output += tokens.output
