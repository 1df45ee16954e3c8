"""Embedding models on Amazon Bedrock: each maker's own body, through InvokeModel.

Sources of the formats:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-embed.html
"""

import msgspec
import orjson

from gateway.adapters.bedrock_converse.errors import error_code
from gateway.adapters.reading import Unreadable
from gateway.adapters.relayed import kept_members
from gateway.operations import EmbeddingsRequest, EmbeddingsResult
from gateway.types import JSON, NoCounterpart, Quirks, UpstreamFault, UpstreamReply
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
]

NAME = "bedrock_embeddings"
HEADERS: dict[str, str] = {}

_ABSENT = msgspec.Raw(b"null")
_MISREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_MAX_PLAUSIBLE_TOKENS = 100_000_000

_PURPOSES = {
    "": "search_document",
    "query": "search_query",
    "document": "search_document",
    "classification": "classification",
    "clustering": "clustering",
}
_FIRST_TITAN = "titan-embed-text-v1"


class _Reply(msgspec.Struct):
    """Only its shape: Titan's answer has one vector, Cohere's a list or lists by type."""

    embedding: msgspec.Raw = _ABSENT
    embeddings: msgspec.Raw = _ABSENT
    inputTextTokenCount: int | None = None  # noqa: N815


class _Typed(msgspec.Struct):
    float: tuple[tuple[float, ...], ...]


_decode_reply = msgspec.json.Decoder(_Reply).decode
_decode_vector = msgspec.json.Decoder(tuple[float, ...]).decode
_decode_vectors = msgspec.json.Decoder(_Typed | tuple[tuple[float, ...], ...]).decode


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
    """Return the members to send; the model stands in the path."""
    return kept_members(fields, quirks, dropped)


def build_request(
    request: EmbeddingsRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[JSON, list[str]]:
    """Return the body, and the names of what has no counterpart and was dropped.

    Raises `NoCounterpart` for several texts where a model takes one at a time.
    """
    unsaid = ["end_user"] if request.end_user else []
    if request.title:
        unsaid.append("title")
    if request.protocol == NAME:
        body = dict(request.extra)
    else:
        body, unsaid = {}, [*unsaid, *request.extra]
    if "cohere." in model_id.lower():
        body |= {
            "texts": [*request.inputs],
            "input_type": _PURPOSES[request.input_type],
            "embedding_types": ["float"],
        }
        if request.dimensions is not None:
            body["output_dimension"] = request.dimensions
    else:
        if len(request.inputs) != 1:
            msg = f"{model_id} embeds one text at a time; send each by itself."
            raise NoCounterpart(msg, "input")
        body["inputText"] = request.inputs[0]
        if request.dimensions is not None and _FIRST_TITAN in model_id:
            unsaid.append("dimensions")
        elif request.dimensions is not None:
            body["dimensions"] = request.dimensions
    sent = quirks.applied_to(body)
    return sent, unsaid


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    reply = _read(body)
    if bytes(reply.embedding) == bytes(reply.embeddings) == b"null":
        if _is_error(body):
            return error_code(body)
        raise Unreadable("The answer holds no embeddings.")
    return UpstreamReply(body=body, tokens=_tokens(reply.inputTextTokenCount))


def parse_result(body: bytes) -> EmbeddingsResult:
    """Read the vectors, which come in the order of the texts."""
    reply = _read(body)
    try:
        vectors: tuple[tuple[float, ...], ...]
        if bytes(reply.embedding) == b"null":
            found = _decode_vectors(reply.embeddings)
            vectors = found.float if isinstance(found, _Typed) else found
        else:
            vectors = (_decode_vector(reply.embedding),)
    except _MISREAD as error:
        raise Unreadable("The answer holds no embeddings of numbers.") from error
    return EmbeddingsResult(vectors=vectors, tokens=_tokens(reply.inputTextTokenCount))


def _read(body: bytes) -> _Reply:
    try:
        return _decode_reply(body)
    except _MISREAD as error:
        raise Unreadable("The answer holds no embeddings.") from error


def _is_error(body: bytes) -> bool:
    try:
        tree = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(tree, dict) and not {"message", "Message"}.isdisjoint(tree)


def _tokens(count: int | None) -> Tokens | None:
    """Return what was used; not every maker tells it in the body."""
    if count is None or not 0 < count <= _MAX_PLAUSIBLE_TOKENS:
        return None
    return Tokens(input=count)
