"""`batchEmbedContents` as we speak it to Google: one request for each text.

Source of the format: https://ai.google.dev/api/embeddings
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from gateway.adapters.gemini_generate.errors import error_code
from gateway.adapters.gemini_generate.protocol import loads
from gateway.adapters.gemini_generate.tokens import tokens_of
from gateway.adapters.reading import Unreadable
from gateway.operations import EmbeddingsRequest, EmbeddingsResult
from gateway.types import JSON, Quirks, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

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
    "with_defaults",
]

NAME = "gemini_embeddings"
HEADERS: dict[str, str] = {}

_ABSENT = msgspec.Raw(b"null")
_NO_ERROR = frozenset({b"null", b'""', b"{}"})
_MISREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_TASKS = {
    "query": "RETRIEVAL_QUERY",
    "document": "RETRIEVAL_DOCUMENT",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_DIMENSIONS = ("outputDimensionality", "output_dimensionality")


class _Reply(msgspec.Struct, rename="camel"):
    """Only its shape: the vectors are passed on unread."""

    embeddings: list[msgspec.Raw] | None = None
    usage_metadata: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


class _Vector(msgspec.Struct):
    values: tuple[float, ...]


class _Vectors(msgspec.Struct, rename="camel"):
    embeddings: list[_Vector]
    usage_metadata: msgspec.Raw = _ABSENT


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_vectors = msgspec.json.Decoder(_Vectors).decode


def stream_path(path: str) -> str:
    return path


def build_relayed(
    fields: dict[str, bytes],
    model_id: str,
    quirks: Quirks,
    *,
    stream: bool,
    dropped: frozenset[str],
) -> dict[str, bytes]:
    """Return the members to send; the model is named by each request once more."""
    sent = {name: value for name, value in fields.items() if name not in dropped}
    sent["requests"] = orjson.dumps(
        [
            _with_quirks(each, model_id, quirks)
            for each in orjson.loads(sent["requests"])
        ]
    )
    return sent


def with_defaults(
    fields: dict[str, bytes], defaults: Mapping[str, Any]
) -> dict[str, bytes]:
    """Add to each request the length of vectors that an alias sets."""
    if (length := defaults.get("dimensions")) is None:
        return fields
    requests = [
        {_DIMENSIONS[0]: length, **each}
        if each.keys().isdisjoint(_DIMENSIONS)
        else each
        for each in orjson.loads(fields["requests"])
    ]
    return {**fields, "requests": orjson.dumps(requests)}


def build_request(
    request: EmbeddingsRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[JSON, list[str]]:
    """Return the body, and the names of what has no counterpart and was dropped."""
    is_own = request.protocol == NAME
    shared: JSON = {}
    if request.input_type:
        shared["taskType"] = _TASKS[request.input_type]
    if request.title:
        shared["title"] = request.title
    if request.dimensions is not None:
        shared["outputDimensionality"] = request.dimensions
    if is_own:
        shared.update(request.extra)
    requests = [
        _with_quirks(
            {"content": {"parts": [{"text": text}]}, **shared}, model_id, quirks
        )
        for text in request.inputs
    ]
    unsaid = ["end_user"] if request.end_user else []
    return {"requests": requests}, unsaid + ([] if is_own else [*request.extra])


def _with_quirks(request: JSON, model_id: str, quirks: Quirks) -> JSON:
    sent = quirks.applied_to(request)
    return {**sent, "model": f"models/{model_id.removeprefix('models/')}"}


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    try:
        reply = _decode_reply(body)
    except _MISREAD as error:
        raise Unreadable("The answer holds no embeddings.") from error
    if bytes(reply.error) not in _NO_ERROR:
        return error_code(body)
    if not reply.embeddings:
        raise Unreadable("The answer holds no embeddings.")
    return UpstreamReply(body=body, tokens=_tokens(reply.usage_metadata))


def parse_result(body: bytes) -> EmbeddingsResult:
    """Read the vectors, which come in the order of the requests."""
    try:
        reply = _decode_vectors(body)
    except _MISREAD as error:
        raise Unreadable("The answer holds no embeddings of numbers.") from error
    return EmbeddingsResult(
        vectors=tuple([vector.values for vector in reply.embeddings]),
        tokens=_tokens(reply.usage_metadata),
    )


def _tokens(usage: msgspec.Raw) -> Tokens | None:
    """Return what was used, which this protocol often does not tell."""
    return tokens_of(loads(bytes(usage)))
