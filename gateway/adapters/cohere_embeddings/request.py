"""Requests, as they are sent to a provider."""

import re

from gateway.operations import EmbeddingsRequest
from gateway.types import JSON, Quirks

NAME = "cohere_embeddings"

_INPUT_TYPES = {
    "": "search_document",
    "document": "search_document",
    "query": "search_query",
    "classification": "classification",
    "clustering": "clustering",
}
# Models whose vectors have one length only.
_FIXED_LENGTH = re.compile(r"embed-.*v[123](?:\.\d+)?$")
_WORDS = {"output_dimension": "dimensions"}


def build_request(
    request: EmbeddingsRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[JSON, list[str]]:
    """Return the body and the names of what has no counterpart in it.

    What the vectors are for must be said here; documents are what is mostly embedded.
    """
    body: JSON = {
        "model": model_id,
        "input_type": _INPUT_TYPES[request.input_type],
        "texts": list(request.inputs),
        "embedding_types": ["float"],
    }
    dropped: list[str] = []
    if request.dimensions is not None:
        if _FIXED_LENGTH.search(model_id):
            dropped.append("dimensions")
        else:
            body["output_dimension"] = request.dimensions
    if request.title:
        dropped.append("title")
    if request.end_user:
        dropped.append("end_user")
    if request.protocol == NAME:
        body = {**request.extra, **body}
    else:
        dropped += request.extra
    dropped += (
        _WORDS.get(name, name)
        for name in body
        if name in quirks.drop_params and name != "model"
    )
    sent = quirks.applied_to(body)
    return sent, dropped
