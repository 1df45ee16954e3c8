"""Embeddings as OpenAI's clients ask for them."""

import array
import base64
import math
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from gateway.body_fields import check_model, integer_in, text_in
from gateway.dialects.openai_chat import (
    CONTENT_TYPE,
    Malformed,
    build_error,
)
from gateway.operations import EmbeddingsRequest, EmbeddingsResult, InputType
from gateway.types import JSON, UpstreamReply
from usage.tokens import estimate_tokens

__all__ = [
    "CONTENT_TYPE",
    "NAME",
    "Malformed",
    "build_error",
    "build_reply",
    "build_response",
    "check_request",
    "input_size",
    "max_output_tokens",
    "parse_request",
    "wants_stream",
    "wants_usage",
]

NAME = "openai_embeddings"

_FORMATS = ("float", "base64")
# OpenAI has no word for it; these are what servers with its protocol take.
_INPUT_TYPES: dict[str, InputType] = {
    "": "",
    "query": "query",
    "search_query": "query",
    "document": "document",
    "passage": "document",
    "search_document": "document",
    "classification": "classification",
    "clustering": "clustering",
}
# What is read here, or is for the gateway itself.
_READ = frozenset(
    {
        "dimensions",
        "encoding_format",
        "input",
        "input_type",
        "model",
        "models",
        "provider",
        "user",
    }
)
_BYTES_PER_NUMBER = 4
# How far from one the length of a vector may be.
_UNIT = 1e-3


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    value = body.get("input")
    if type(value) is not str and not _is_list_of_inputs(value):
        msg = (
            "'input' must be a string, or a list of strings, of token numbers or of "
            "lists of token numbers, and not be empty."
        )
        raise Malformed(msg, "input")
    check_model(body.get("model") or "")


def _is_list_of_inputs(value: Any) -> bool:
    if type(value) is not list or not value:
        return False
    kinds = {type(each) for each in value}
    return kinds in ({str}, {int}) or (
        kinds == {list} and all(each and {*map(type, each)} == {int} for each in value)
    )


def max_output_tokens(body: JSON) -> int | None:
    return None


def wants_stream(body: JSON) -> bool:
    return False


def wants_usage(body: JSON) -> bool:
    return True


def input_size(body: JSON) -> int:
    """Return how many bytes of text there are; a token number is about four."""
    value = body["input"]
    if type(value) is str:
        return _size([value])
    if type(value[0]) is str:
        return _size(value)
    if type(value[0]) is int:
        return _BYTES_PER_NUMBER * len(value)
    return _BYTES_PER_NUMBER * sum(map(len, value))


def _size(texts: Sequence[str]) -> int:
    return sum([len(text.encode()) for text in texts])


def parse_request(body: JSON) -> EmbeddingsRequest:
    """Read a body. Raises `Malformed` for what cannot be said in another protocol."""
    check_request(body)
    value = body["input"]
    texts = [value] if type(value) is str else value
    if type(texts[0]) is not str:
        msg = "'input' must be text here: token numbers are for OpenAI's models alone."
        raise Malformed(msg, "input")
    dimensions = integer_in(body, "dimensions")
    if dimensions is not None and dimensions < 1:
        raise Malformed("'dimensions' must be a whole number above zero.", "dimensions")
    wanted = text_in(body, "encoding_format") or "float"
    if wanted not in _FORMATS:
        msg = "'encoding_format' must be 'float' or 'base64' here."
        raise Malformed(msg, "encoding_format")
    input_type = _INPUT_TYPES.get(text_in(body, "input_type"))
    if input_type is None:
        raise Malformed("'input_type' is not a known type of input.", "input_type")
    return EmbeddingsRequest(
        inputs=tuple(texts),
        dimensions=dimensions,
        input_type=input_type,
        wants_base64=wanted == "base64",
        end_user=text_in(body, "user"),
        extra={n: v for n, v in body.items() if n not in _READ and v is not None},
        protocol=NAME,
    )


def build_reply(
    reply: UpstreamReply,
    request: EmbeddingsRequest,
    result: EmbeddingsResult,
    answer_id: str,
    created: int,
    model: str,
) -> UpstreamReply:
    """Return the reply in the form that the request wants its vectors in."""
    answer = _answer(result, model, in_base64=request.wants_base64)
    if result.tokens is None:
        answer["usage"] = _usage(estimate_tokens(_size(request.inputs)))
    return msgspec.structs.replace(reply, body=orjson.dumps(answer))


def build_response(
    result: EmbeddingsResult, answer_id: str, created: int, model: str
) -> bytes:
    return orjson.dumps(_answer(result, model, in_base64=False))


def _answer(result: EmbeddingsResult, model: str, *, in_base64: bool) -> JSON:
    used = 0 if result.tokens is None else result.tokens.input
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _in_base64(values) if in_base64 else values,
            }
            for index, values in enumerate(map(_of_length_one, result.vectors))
        ],
        "model": model,
        "usage": _usage(used),
    }


def _usage(tokens: int) -> JSON:
    return {"prompt_tokens": tokens, "total_tokens": tokens}


def _of_length_one(vector: tuple[float, ...]) -> Sequence[float]:
    """Return the vector as long as OpenAI's all are; those that are stay untouched."""
    length = math.hypot(*vector)
    if abs(length - 1) <= _UNIT or not 0 < length < math.inf:
        return vector
    return [value / length for value in vector]


def _in_base64(vector: Sequence[float]) -> str:
    """Return the numbers as little-endian float32."""
    packed = array.array("f", vector)
    if sys.byteorder == "big":
        packed.byteswap()
    return base64.b64encode(packed.tobytes()).decode("ascii")
