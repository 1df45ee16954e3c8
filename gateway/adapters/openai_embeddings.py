"""Embeddings as OpenAI and many others take them.

Source of the format: https://platform.openai.com/docs/api-reference/embeddings
"""

import msgspec
import orjson

from gateway.adapters.openai_chat import Unreadable, build_relayed, error_code
from gateway.adapters.openai_chat.usage import tokens_in
from gateway.adapters.reading import printable
from gateway.operations import EmbeddingsRequest, EmbeddingsResult
from gateway.types import JSON, Quirks, UpstreamFault, UpstreamReply

__all__ = [
    "HEADERS",
    "NAME",
    "Unreadable",
    "build_relayed",
    "build_request",
    "error_code",
    "parse_response",
    "parse_result",
    "stream_path",
]

NAME = "openai_embeddings"
HEADERS: dict[str, str] = {}

_ABSENT = msgspec.Raw(b"null")
_NO_ERROR = frozenset({b"null", b'""', b"{}"})
_MISREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
# What the canonical request calls otherwise than the wire.
_CANONICAL = {"user": "end_user"}


class _Reply(msgspec.Struct):
    """Only its shape: the vectors are passed on unread."""

    data: list[msgspec.Raw] | None = None
    usage: msgspec.Raw = _ABSENT
    model: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


class _Vector(msgspec.Struct):
    embedding: tuple[float, ...]
    index: int | None = None


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: msgspec.Raw = _ABSENT
    model: msgspec.Raw = _ABSENT


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_vectors = msgspec.json.Decoder(_Vectors).decode


def stream_path(path: str) -> str:
    return path


def build_request(
    request: EmbeddingsRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[JSON, list[str]]:
    """Return the body, and the names of what has no counterpart and was dropped."""
    is_own = request.protocol == NAME
    body: JSON = {"input": list(request.inputs), "encoding_format": "float"}
    if request.dimensions is not None:
        body["dimensions"] = request.dimensions
    if request.end_user:
        body["user"] = request.end_user
    if is_own:
        body.update(request.extra)
    refused = [name for name in body if name in quirks.drop_params]
    sent = quirks.applied_to(body)
    unsaid = [_CANONICAL.get(n, n) for n in refused if n != "encoding_format"]
    unsaid += [name for name in ("input_type", "title") if getattr(request, name)]
    return {"model": model_id, **sent}, unsaid + ([] if is_own else [*request.extra])


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    try:
        reply = _decode_reply(body)
    except _MISREAD as error:
        raise Unreadable("The answer holds no embeddings.") from error
    if bytes(reply.error) not in _NO_ERROR:
        return error_code(body)
    if not reply.data:
        raise Unreadable("The answer holds no embeddings.")
    return UpstreamReply(
        body=body, tokens=tokens_in(reply.usage), reported_model=_text(reply.model)
    )


def parse_result(body: bytes) -> EmbeddingsResult:
    """Read the vectors, in the order of their inputs."""
    try:
        reply = _decode_vectors(body)
    except _MISREAD as error:
        raise Unreadable("The answer holds no embeddings of numbers.") from error
    vectors = reply.data
    if all(vector.index is not None for vector in vectors):
        vectors = sorted(vectors, key=lambda vector: vector.index or 0)
    return EmbeddingsResult(
        vectors=tuple([vector.embedding for vector in vectors]),
        model=_text(reply.model),
        tokens=tokens_in(reply.usage),
    )


def _text(raw: msgspec.Raw) -> str:
    try:
        value = orjson.loads(bytes(raw))
    except orjson.JSONDecodeError:
        return ""
    return printable(value) if isinstance(value, str) else ""
