"""Chat completions as we speak them to a provider.

Source of the format: https://platform.openai.com/docs/api-reference/chat
"""

import re
from typing import Any

import msgspec
import orjson

from gateway.sse import data_of, split_events
from gateway.types import JSON, Quirks, StreamNotes, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

NAME = "openai_chat"

# A figure above this is a provider's mistake, not an answer.
_MAX_PLAUSIBLE_TOKENS = 100_000_000

_INCLUDE_USAGE = b'{"include_usage":true}'
_NULL_USAGE = re.compile(rb',\s*"usage"\s*:\s*null|"usage"\s*:\s*null\s*,\s*')


class Unreadable(ValueError):
    """An answer that is not what the protocol promises."""


_ABSENT = msgspec.Raw(b"null")
_NO_ERROR = frozenset({b"null", b'""', b"{}"})


class _Reply(msgspec.Struct):
    choices: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = _ABSENT
    model: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


_decode_reply = msgspec.json.Decoder(_Reply).decode


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    audio_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None
    audio_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


_decode_usage = msgspec.json.Decoder(_Usage).decode


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
    sent = {
        quirks.rename_params.get(name, name): value
        for name, value in fields.items()
        if name not in dropped and name not in quirks.drop_params
    }
    sent["model"] = orjson.dumps(model_id)
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
        tokens=_tokens(reply.usage),
        reported_model=_text(reply.model),
    )


class StreamInspector:
    """Reads a stream just far enough for usage, errors and the end.

    `hide_usage` takes out what only we asked for. Once content has been seen, pieces
    made of ordinary deltas are passed on without being parsed.
    """

    __slots__ = ("_hide_usage", "complete", "reported_model", "started", "tokens")

    def __init__(self, *, hide_usage: bool) -> None:
        self._hide_usage = hide_usage
        self.started = False
        # Whether a provider that sends no terminator may end here.
        self.complete = False
        self.tokens: Tokens | None = None
        self.reported_model = ""

    def read(self, piece: bytes) -> StreamNotes:
        """Read whole events. Raises `Unreadable` for one that is no JSON."""
        if self.started and _is_plain(piece):
            return StreamNotes(self._without_null_usage(piece))
        forward: list[bytes] = []
        is_done = False
        for event in split_events(piece):
            data = data_of(event)
            if data is None:
                forward.append(event)
            elif data == b"[DONE]":
                is_done = True
                forward.append(event)
            else:
                tree = _loads(data)
                if fault := tree.get("error"):
                    return StreamNotes(b"".join(forward), fault=_fault(fault))
                self._note(tree)
                if tree.get("choices") or not (
                    self._hide_usage and isinstance(tree.get("usage"), dict)
                ):
                    forward.append(self._hidden_null_usage(event))
        return StreamNotes(b"".join(forward), is_done=is_done)

    def _note(self, tree: JSON) -> None:
        """Note what the event says."""
        if isinstance(name := tree.get("model"), str) and not self.reported_model:
            self.reported_model = _printable(name)
        choices = tree.get("choices")
        if not isinstance(choices, list):
            choices = []
        finishes = any(type(c) is dict and c.get("finish_reason") for c in choices)
        self.started = self.started or finishes or any(map(_has_content, choices))
        if isinstance(usage := tree.get("usage"), dict):
            self.tokens = _tokens(orjson.dumps(usage)) or self.tokens
            # Who tells it beside the finish reason has nothing more to say.
            self.complete = self.complete or finishes

    def _without_null_usage(self, piece: bytes) -> bytes:
        return piece.replace(b',"usage":null', b"") if self._hide_usage else piece

    def _hidden_null_usage(self, event: bytes) -> bytes:
        """Like `_without_null_usage`, however the provider writes it."""
        if self._hide_usage and b'"usage"' in event:
            return _NULL_USAGE.sub(b"", event)
        return event


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


def _loads(data: bytes) -> JSON:
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            tree = orjson.loads(data.decode("utf-8", "replace"))
        except orjson.JSONDecodeError as error:
            msg = "An event of the stream is not valid JSON."
            raise Unreadable(msg) from error
    if type(tree) is not dict:
        msg = "An event of the stream is no JSON object."
        raise Unreadable(msg)
    return tree


def _fault(fault: Any) -> UpstreamFault:
    if not isinstance(fault, dict):
        return UpstreamFault("", str(fault)[:1000])
    message = fault.get("message") or fault.get("detail") or "No message."
    param = fault.get("param")
    return UpstreamFault(
        code=_printable(str(fault.get("code") or fault.get("type") or ""))[:64],
        message=str(message)[:1000],
        param=param if isinstance(param, str) else None,
    )


def _text(raw: msgspec.Raw) -> str:
    try:
        value = orjson.loads(bytes(raw))
    except orjson.JSONDecodeError:
        return ""
    return _printable(value) if isinstance(value, str) else ""


def _printable(text: str) -> str:
    return text if text.isprintable() else ascii(text)


def _tokens(raw: bytes | msgspec.Raw) -> Tokens | None:
    """Return the usage in our terms, or None when it cannot be true."""
    try:
        usage = _decode_usage(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    prompt = usage.prompt_tokens_details or _PromptDetails()
    completion = usage.completion_tokens_details or _CompletionDetails()
    other = {
        name: value
        for name, value in (
            ("audio_in", prompt.audio_tokens),
            ("audio_out", completion.audio_tokens),
        )
        if value
    }
    tokens = Tokens(
        input=usage.prompt_tokens,
        output=usage.completion_tokens,
        cache_read=prompt.cached_tokens or 0,
        cache_write=prompt.cache_write_tokens or 0,
        reasoning=completion.reasoning_tokens or 0,
        other=other,
    )
    return tokens if _plausible(tokens) else None


def _plausible(tokens: Tokens) -> bool:
    figures = (
        tokens.input,
        tokens.output,
        tokens.cache_read,
        tokens.cache_write,
        tokens.reasoning,
        *tokens.other.values(),
    )
    return (
        tokens.input + tokens.output > 0
        and min(figures) >= 0
        and max(figures) <= _MAX_PLAUSIBLE_TOKENS
        and tokens.cache_read + tokens.cache_write <= tokens.input
        and tokens.reasoning <= tokens.output
    )


def error_code(body: bytes) -> UpstreamFault:
    """Read an error body, however the provider wrote it."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UpstreamFault("", "The provider answered with an error and no JSON.")
    return _fault(tree.get("error", tree) if isinstance(tree, dict) else tree)
