"""What a body must be to ask for a ranking, and what serving it needs to know of it."""

from typing import Any

from gateway.body_fields import Malformed, check_model
from gateway.types import JSON

NAME = "cohere_rerank"
# The older version of the same: documents may be objects, and come back if wanted.
OLDER = "cohere_rerank_v1"

_DOCUMENTS_PER_SEARCH = 100
_OLDER_FIELDS = frozenset({"return_documents", "rank_fields", "max_chunks_per_doc"})
_COUNTS = ("top_n", "max_tokens_per_doc", "max_chunks_per_doc")


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    query = body.get("query")
    if type(query) is not str or not query.strip():
        raise Malformed("'query' must be a string that says something.", "query")
    check_model(body.get("model", ""))
    documents = body.get("documents")
    if type(documents) is not list or not documents:
        raise Malformed("'documents' must be a list of at least one.", "documents")
    for index, document in enumerate(documents):
        if type(document) not in {str, dict}:
            place = f"documents[{index}]"
            raise Malformed(f"'{place}' must be a string or an object.", place)
    for name in _COUNTS:
        count = body.get(name)
        if count is not None and (type(count) is not int or count < 1):
            raise Malformed(f"'{name}' must be a whole number above zero.", name)
    if type(body.get("return_documents", False)) not in {bool, type(None)}:
        msg = "'return_documents' must be true or false."
        raise Malformed(msg, "return_documents")
    _check_rank_fields(body.get("rank_fields"))


def _check_rank_fields(names: Any) -> None:
    if names is None:
        return
    if type(names) is not list or not all(type(name) is str for name in names):
        raise Malformed("'rank_fields' must be a list of strings.", "rank_fields")


def name_for(body: JSON) -> str:
    """Return which version of the protocol a body is written in."""
    is_older = not _OLDER_FIELDS.isdisjoint(body) or any(
        type(document) is dict for document in body["documents"]
    )
    return OLDER if is_older else NAME


def max_output_tokens(body: JSON) -> int | None:
    """Return no bound: nothing is written."""
    return None


def wants_stream(body: JSON) -> bool:
    return False


def wants_usage(body: JSON) -> bool:
    return False


def units(body: JSON) -> dict[str, int]:
    """Return how many searches a body is, where its provider does not say."""
    return {"search": -(-len(body["documents"]) // _DOCUMENTS_PER_SEARCH)}
