"""The relay: a request and its answer in this very protocol, changed where they must be."""

import re
from typing import Any

import msgspec
import orjson

from gateway.adapters import relayed
from gateway.adapters.openai_chat.content import finish_reason_of
from gateway.adapters.openai_chat.errors import error_code, fault_of
from gateway.adapters.openai_chat.usage import tokens_in, tokens_of
from gateway.adapters.reading import Unreadable, loads, printable
from gateway.sse import data_of, first_end, split_events
from gateway.types import JSON, Quirks, StreamNotes, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

_INCLUDE_USAGE = b'{"include_usage":true}'
_NULL_USAGE = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,\s*')

_ABSENT = msgspec.Raw(b"null")
_NO_ERROR = frozenset({b"null", b'""', b"{}"})


class _Reply(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = _ABSENT
    model: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


class _Message(msgspec.Struct, frozen=True):
    refusal: str | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None
    message: _Message = _Message()


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_choice = msgspec.json.Decoder(_Choice).decode


def build_relayed(
    fields: dict[str, bytes],
    model_id: str,
    quirks: Quirks,
    *,
    stream: bool,
    dropped: frozenset[str],
) -> dict[str, bytes]:
    """Return the members to send for a request that came in this very protocol.

    Only what must change is changed: the model, the controls that are ours, usage in
    streams, and the provider's quirks.
    """
    sent = relayed.build_relayed(
        fields, model_id, quirks, stream=stream, dropped=dropped
    )
    if stream and "stream_options" not in quirks.drop_params:
        sent["stream_options"] = _with_usage(fields.get("stream_options"))
    return sent


def _with_usage(options: bytes | None) -> bytes:
    if options is None or options == b"null":
        return _INCLUDE_USAGE
    return orjson.dumps({**orjson.loads(options), "include_usage": True})


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    try:
        reply = _decode_reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = "The answer is no chat completion."
        raise Unreadable(msg) from error
    if reply.error is not _ABSENT and bytes(reply.error) not in _NO_ERROR:
        return error_code(body)
    if not reply.choices:
        msg = "The answer holds no choices."
        raise Unreadable(msg)
    return UpstreamReply(
        body=body,
        tokens=tokens_in(reply.usage),
        reported_model=_text(reply.model),
        finish_reason=_ending_of(reply.choices[0]),
    )


def _ending_of(choice: msgspec.Raw) -> str:
    """Return why a choice ended; empty where it does not say that properly."""
    try:
        read = _decode_choice(choice)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    if read.message.refusal:
        return "content_filter"
    return (
        finish_reason_of(read.finish_reason, has_calls=False)
        if read.finish_reason
        else ""
    )


class StreamInspector:
    """Reads a stream just far enough for usage, errors and the end.

    `hide_usage` takes out what only we asked for. Once content has been seen, pieces
    made of ordinary deltas are passed on without being parsed.
    """

    __slots__ = (
        "_hide_usage",
        "complete",
        "finish_reason",
        "reported_model",
        "started",
        "tokens",
    )

    def __init__(self, *, hide_usage: bool) -> None:
        self._hide_usage = hide_usage
        self.started = False
        # Whether a provider that sends no terminator may end here.
        self.complete = False
        self.tokens: Tokens | None = None
        self.reported_model = ""
        self.finish_reason = ""

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        if self.started and _is_plain(piece):
            return StreamNotes(self._without_null_usage(piece))
        forward: list[bytes] = []
        is_done = False
        while piece:
            if self.started and (end := _plain_end(piece)):
                forward.append(self._without_null_usage(piece[:end]))
                piece = piece[end:]
            # What is parsed before the first content is one event; after it, all the rest.
            end = len(piece) if self.started else first_end(piece)
            for event in split_events(piece[:end]):
                data = data_of(event)
                if data is None:
                    forward.append(event)
                elif data == b"[DONE]":
                    is_done = True
                    forward.append(event)
                else:
                    tree = loads(data)
                    if fault := tree.get("error"):
                        return StreamNotes(b"".join(forward), fault=fault_of(fault))
                    self._note(tree)
                    if tree.get("choices") or not (
                        self._hide_usage and isinstance(tree.get("usage"), dict)
                    ):
                        forward.append(self._hidden_null_usage(event))
            piece = piece[end:]
        return StreamNotes(b"".join(forward), is_done=is_done)

    def _note(self, tree: JSON) -> None:
        """Note what the event says."""
        if isinstance(name := tree.get("model"), str) and not self.reported_model:
            self.reported_model = printable(name)
        choices = tree.get("choices")
        if not isinstance(choices, list):
            choices = []
        endings = [c["finish_reason"] for c in choices if _finishes(c)]
        finishes = bool(endings)
        if finishes:
            self.finish_reason = finish_reason_of(endings[0], has_calls=False)
        self.started = self.started or finishes or any(map(_has_content, choices))
        if isinstance(usage := tree.get("usage"), dict):
            self.tokens = tokens_of(usage) or self.tokens
            # Who tells it beside the finish reason has nothing more to say.
            self.complete = self.complete or finishes

    def _without_null_usage(self, piece: bytes) -> bytes:
        return piece.replace(b',"usage":null', b"") if self._hide_usage else piece

    def _hidden_null_usage(self, event: bytes) -> bytes:
        """Like `_without_null_usage`, however the provider writes it."""
        if self._hide_usage and b'"usage"' in event:
            return _NULL_USAGE.sub(b"", event)
        return event


def _finishes(choice: Any) -> bool:
    return type(choice) is dict and bool(choice.get("finish_reason"))


def _has_content(choice: Any) -> bool:
    """Say whether the choice holds more than the announcement of a role."""
    delta = choice.get("delta") if type(choice) is dict else None
    return type(delta) is dict and any(
        value for name, value in delta.items() if name != "role"
    )


def _is_plain(piece: bytes) -> bool:
    """Say whether every event is an ordinary delta: no usage, no end, no error."""
    events = piece.count(b"\n\n")
    return (
        events > 0
        and piece.count(b'"finish_reason":null') == events
        and piece.count(b"\ndata:") + piece.startswith(b"data:") == events
        and piece.count(b'"choices":[{') == events
        and piece.count(b'"usage"') == piece.count(b'"usage":null')
        and b'"error"' not in piece
    )


def _plain_end(piece: bytes) -> int:
    """Return where the ordinary deltas end that the piece begins with; 0 without any."""
    end = piece.find(b"\n\n", piece.rfind(b'"finish_reason":null')) + 2
    return end if _is_plain(piece[:end]) else 0


def _text(raw: msgspec.Raw) -> str:
    try:
        value = orjson.loads(bytes(raw))
    except orjson.JSONDecodeError:
        return ""
    return printable(value) if isinstance(value, str) else ""
