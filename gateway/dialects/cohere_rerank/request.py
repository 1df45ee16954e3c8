"""A body as a canonical request."""

from collections.abc import Iterable
from typing import Any

import orjson

from gateway.body_fields import Malformed
from gateway.dialects.cohere_rerank.checks import NAME, check_request
from gateway.operations import RerankRequest
from gateway.types import JSON

# How many tokens of a document make one of what the older version counts.
_TOKENS_PER_CHUNK = 510

# What is read here, or is for the gateway itself. The rest is the protocol's own.
_READ = frozenset(
    {
        "documents",
        "max_chunks_per_doc",
        "max_tokens_per_doc",
        "model",
        "models",
        "provider",
        "query",
        "rank_fields",
        "return_documents",
        "top_n",
    }
)


def parse_request(body: JSON) -> RerankRequest:
    """Read a body. Raises `Malformed`."""
    check_request(body)
    bound = body.get("max_tokens_per_doc")
    if bound is None and (chunks := body.get("max_chunks_per_doc")) is not None:
        bound = chunks * _TOKENS_PER_CHUNK
    fields = body.get("rank_fields") or ()
    return RerankRequest(
        query=body["query"],
        documents=tuple(
            _text(document, fields, f"documents[{index}]")
            for index, document in enumerate(body["documents"])
        ),
        top_n=body.get("top_n"),
        max_tokens_per_doc=bound,
        return_documents=body.get("return_documents") is True,
        extra={n: v for n, v in body.items() if n not in _READ and v is not None},
        protocol=NAME,
    )


def _text(document: Any, fields: Iterable[str], place: str) -> str:
    """Return what is to be ranked: an object's text, or the fields that are named.

    Objects without a text are written a line for each member, which reads as YAML.
    """
    if type(document) is str:
        return document
    told: JSON = document
    if names := [name for name in fields if name in told]:
        told = {name: told[name] for name in names}
    elif type(text := told.get("text")) is str:
        return text
    if not told:
        raise Malformed(f"'{place}' must hold a text.", place)
    return "\n".join(f"{name}: {_line(value)}" for name, value in told.items())


def _line(value: Any) -> str:
    if type(value) is str and "\n" not in value:
        return value
    return orjson.dumps(value).decode()
