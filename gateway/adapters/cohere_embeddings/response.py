"""Whole answers."""

from typing import Any

import msgspec

from gateway.adapters.cohere_chat.errors import error_code
from gateway.adapters.cohere_chat.usage import whole
from gateway.adapters.cohere_chat.wire import object_of
from gateway.adapters.reading import Unreadable
from gateway.operations import EmbeddingsResult
from gateway.types import UpstreamFault, UpstreamReply
from usage.tokens import Tokens

_ABSENT = msgspec.Raw(b"null")
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Reply(msgspec.Struct):
    embeddings: msgspec.Raw = _ABSENT
    meta: Any = None


class _ByType(msgspec.Struct):
    float: list[list[float]]


_decode_reply = msgspec.json.Decoder(_Reply).decode
# The older version has the vectors without a type above them.
_decode_vectors = msgspec.json.Decoder(_ByType | list[list[float]]).decode


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer, its vectors left as they are."""
    reply = _read(body)
    if bytes(reply.embeddings) == b"null":
        fault = error_code(body)
        if fault.message != "No message.":
            return fault
        msg = "The answer holds no embeddings."
        raise Unreadable(msg)
    return UpstreamReply(body=body, tokens=_tokens(reply.meta))


def parse_result(body: bytes) -> EmbeddingsResult:
    """Read a 200 answer whole."""
    reply = _read(body)
    try:
        told = _decode_vectors(reply.embeddings)
    except _BROKEN as error:
        msg = "The answer holds something else where vectors belong."
        raise Unreadable(msg) from error
    vectors = told.float if isinstance(told, _ByType) else told
    return EmbeddingsResult(
        vectors=tuple(map(tuple, vectors)), tokens=_tokens(reply.meta)
    )


def _read(body: bytes) -> _Reply:
    try:
        return _decode_reply(body)
    except _BROKEN as error:
        msg = "The answer is no list of embeddings."
        raise Unreadable(msg) from error


def _tokens(meta: Any) -> Tokens | None:
    """Return what is billed, or None when it cannot be true."""
    billed = object_of(object_of(meta).get("billed_units"))
    texts, pictures = whole(billed.get("input_tokens")), whole(billed.get("images"))
    if texts is None or pictures is None or not (texts or pictures):
        return None
    return Tokens(input=texts, other={"image": pictures} if pictures else {})
