"""The relay: a form and its answer in this very protocol, changed where they must be."""

import msgspec
import orjson

from gateway.adapters.openai_chat import Unreadable
from gateway.adapters.openai_chat.errors import hidden_fault
from gateway.adapters.openai_transcription.usage import seconds_used, tokens_of
from gateway.adapters.reading import loads
from gateway.multipart import Form, Part, build_form, parse_form
from gateway.sse import data_of, split_events
from gateway.types import (
    JSON,
    InferenceRequest,
    Outgoing,
    Quirks,
    StreamNotes,
    UpstreamFault,
    UpstreamReply,
)
from usage.tokens import Tokens

TEXT_TYPE = b"text/plain; charset=utf-8"
_CONTROLS = frozenset({"models", "models[]", "provider"})


def build_relayed_form(
    request: InferenceRequest, model_id: str, quirks: Quirks
) -> Outgoing:
    """Return the form as it came, but for the model and the provider's quirks."""
    form = request.body
    came = (
        form.parts
        if isinstance(form, Form)
        else parse_form(request.content, request.content_type)
    )
    parts = [Part("model", model_id.encode())]
    for part in came:
        if part.name == "model" or part.name in _CONTROLS:
            continue
        name = part.name.removesuffix("[]")
        if name in quirks.drop_params:
            continue
        if new := quirks.rename_params.get(name):
            part = msgspec.structs.replace(part, name=new, head=b"")
        parts.append(part)
    body, content_type = build_form(parts)
    return Outgoing(body, content_type)


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer, which is JSON or, for some formats, the text itself."""
    tree = tree_of(body)
    if tree is None:
        check_text(body)
        return UpstreamReply(body=body, tokens=None, content_type=TEXT_TYPE)
    if (fault := hidden_fault(tree)) is not None:
        return fault
    if type(tree.get("text")) is not str:
        raise Unreadable("The answer holds no text.")
    tokens = tokens_of(tree.get("usage")) or seconds_used(tree.get("duration"))
    return UpstreamReply(body=body, tokens=tokens)


def tree_of(body: bytes) -> JSON | None:
    """Return the JSON object that the body is, if it is one."""
    if not body[:16].lstrip().startswith(b"{"):
        return None
    try:
        tree: JSON = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return tree


def check_text(body: bytes) -> None:
    """Refuse what nobody said. Raises `Unreadable`."""
    start = body[:16].lstrip().lower()
    if not body or start.startswith((b"<!doctype", b"<html", b'{"')):
        raise Unreadable("The answer is no transcription.")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise Unreadable("The answer is no text.") from error


class StreamInspector:
    """Reads a stream just far enough for usage, errors and the end.

    A model that cannot stream answers with the whole transcription: it becomes the
    stream's only delta.
    """

    __slots__ = ("complete", "reported_model", "started", "tokens")

    def __init__(self, *, hide_usage: bool) -> None:
        self.started = False
        self.complete = False
        self.tokens: Tokens | None = None
        self.reported_model = ""

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        forward: list[bytes] = []
        for event in split_events(piece):
            data = data_of(event)
            if data == b"[DONE]":
                forward.append(event)
                return StreamNotes(b"".join(forward), is_done=True)
            if data is None:
                tree = None if self.started else tree_of(event.strip())
                if tree is None:
                    forward.append(event)
                    continue
                whole = True
            else:
                tree, whole = loads(data), False
            if (fault := hidden_fault(tree)) is not None:
                return StreamNotes(b"".join(forward), fault=fault)
            self._note(tree, is_whole=whole)
            forward.append(_events_of(tree) if whole else event)
        return StreamNotes(b"".join(forward))

    def _note(self, tree: JSON, *, is_whole: bool) -> None:
        kind = "transcript.text.done" if is_whole else tree.get("type")
        if is_whole and type(tree.get("text")) is not str:
            raise Unreadable("The answer holds no text.")
        if kind in ("transcript.text.delta", "transcript.text.segment"):
            self.started = True
        elif kind == "transcript.text.done":
            self.started = self.complete = True
            self.tokens = tokens_of(tree.get("usage")) or seconds_used(
                tree.get("duration")
            )


def _events_of(tree: JSON) -> bytes:
    """Return a whole transcription as the events of a stream."""
    text = tree["text"]
    done: JSON = {"type": "transcript.text.done", "text": text}
    if type(usage := tree.get("usage")) is dict:
        done["usage"] = usage
    events = ({"type": "transcript.text.delta", "delta": text}, done)
    return b"".join([b"data: " + orjson.dumps(event) + b"\n\n" for event in events])
