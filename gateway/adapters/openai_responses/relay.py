"""The relay: a request and its answer in this very protocol, changed where they must be."""

import re
from typing import Any

import msgspec

from gateway.adapters import relayed
from gateway.adapters.openai_responses.agent import as_agent_fields, is_agent
from gateway.adapters.openai_responses.errors import error_code, failure_of, fault_in
from gateway.adapters.openai_responses.output import finish_reason_of
from gateway.adapters.openai_responses.usage import tokens_of
from gateway.adapters.reading import Unreadable, loads, object_of, printable, text_of
from gateway.sse import data_of, split_events
from gateway.types import JSON, Quirks, StreamNotes, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

BROKEN_OFF = frozenset({"failed", "cancelled"})
ENDS = frozenset({"response.completed", "response.incomplete"})

_DELTA = re.compile(
    rb'"type":"response\.(?:output_text|refusal|function_call_arguments'
    rb'|reasoning_summary_text|reasoning_text)\.delta"'
)
# What only announces content.
_SILENT = frozenset(
    {
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.content_part.added",
        "response.reasoning_summary_part.added",
    }
)
_EMPTY_ITEMS = frozenset({"message", "reasoning"})


class _Reply(msgspec.Struct):
    output: list[msgspec.Raw] | None = None
    usage: Any = None
    tool_usage: Any = None
    model: Any = None
    error: Any = None
    status: Any = None
    incomplete_details: Any = None


_decode_reply = msgspec.json.Decoder(_Reply).decode


def build_relayed(
    fields: dict[str, bytes],
    model_id: str,
    quirks: Quirks,
    *,
    stream: bool,
    dropped: frozenset[str],
) -> dict[str, bytes]:
    """Return the members to send for a request that came in this very protocol.

    Only what must change is changed: the model, the controls that are ours, and the
    provider's quirks.
    """
    if is_agent(quirks):
        fields = as_agent_fields(fields)
    return relayed.build_relayed(
        fields, model_id, quirks, stream=stream, dropped=dropped
    )


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an answer that failed, or an error in its place."""
    try:
        reply = _decode_reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = "The answer is no response."
        raise Unreadable(msg) from error
    if text_of(reply.status) in BROKEN_OFF:
        return failure_of({"error": reply.error})
    if reply.error:
        return error_code(body)
    if reply.output is None:
        msg = "The answer holds no output."
        raise Unreadable(msg)
    return UpstreamReply(
        body=body,
        tokens=tokens_of(reply.usage, reply.tool_usage),
        reported_model=model_in({"model": reply.model}),
        finish_reason=finish_reason_of(
            {"incomplete_details": reply.incomplete_details}, has_calls=False
        ),
    )


def model_in(response: JSON) -> str:
    name = response.get("model")
    return printable(name) if type(name) is str else ""


class StreamInspector:
    """Reads a stream just far enough for usage, errors and the end.

    Usage belongs to the protocol, so there is never any to hide. Once content has been
    seen, pieces made of deltas are passed on without being parsed.
    """

    # The protocol has an end of its own; a stream without it was cut.
    complete = False

    __slots__ = ("finish_reason", "reported_model", "started", "tokens")

    def __init__(self, *, hide_usage: bool) -> None:
        self.started = False
        self.tokens: Tokens | None = None
        self.reported_model = ""
        self.finish_reason = ""

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        if self.started and _is_plain(piece):
            return StreamNotes(piece)
        forward: list[bytes] = []
        for event in split_events(piece):
            data = data_of(event)
            if data is not None and data != b"[DONE]":
                tree = loads(data)
                self._note(tree)
                if (fault := fault_in(tree)) is not None:
                    return StreamNotes(b"".join(forward), fault=fault)
                if text_of(tree.get("type")) in ENDS:
                    self.started = True
                    self.finish_reason = finish_reason_of(
                        object_of(tree.get("response")), has_calls=False
                    )
                    forward.append(event)
                    return StreamNotes(b"".join(forward), is_done=True)
            forward.append(event)
        return StreamNotes(b"".join(forward))

    def _note(self, tree: JSON) -> None:
        """Note what the event says."""
        response = object_of(tree.get("response"))
        self.reported_model = self.reported_model or model_in(response)
        usage = response.get("usage") or tree.get("usage")
        self.tokens = tokens_of(usage, response.get("tool_usage")) or self.tokens
        self.started = self.started or _has_content(tree)


def _has_content(tree: JSON) -> bool:
    """Say whether the event holds more than an announcement."""
    kind = tree.get("type")
    if type(kind) is not str or not kind.startswith("response.") or kind in _SILENT:
        return False
    if kind == "response.output_item.added":
        return text_of(object_of(tree.get("item")).get("type")) not in _EMPTY_ITEMS
    # How Perplexity says that it is looking around, and what went wrong.
    return not kind.startswith("response.reasoning.") and kind != "response.failed"


def _is_plain(piece: bytes) -> bool:
    """Say whether every event is a delta: no usage, no end, no error."""
    events = piece.count(b"\n\n")
    return (
        events > 0
        and len(_DELTA.findall(piece)) == events
        and piece.count(b"\ndata:") + piece.startswith(b"data:") == events
        and b'"response":' not in piece
        and b'"type":"error"' not in piece
    )
