"""Requests, as they are sent to a provider."""

from gateway.operations import RerankRequest
from gateway.types import JSON, Quirks

NAME = "cohere_rerank"


def build_request(
    request: RerankRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[JSON, list[str]]:
    """Return the body and the names of what has no counterpart in it.

    The documents are not asked for: who wants them back has sent them.
    """
    body: JSON = {
        "model": model_id,
        "query": request.query,
        "documents": list(request.documents),
    }
    if request.top_n is not None:
        body["top_n"] = request.top_n
    if request.max_tokens_per_doc is not None:
        body["max_tokens_per_doc"] = request.max_tokens_per_doc
    dropped: list[str] = []
    if request.protocol == NAME:
        body = {**request.extra, **body}
    else:
        dropped += request.extra
    dropped += (name for name in body if name in quirks.drop_params - {"model"})
    sent = quirks.applied_to(body)
    return sent, dropped
