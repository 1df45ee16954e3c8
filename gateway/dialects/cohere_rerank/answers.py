"""Answers and errors in Cohere's shape."""

from typing import Any

import msgspec
import orjson

from gateway.operations import RerankRequest, RerankResult
from gateway.types import JSON, UpstreamReply
from usage.tokens import Tokens

CONTENT_TYPE = b"application/json"
# Nothing is streamed.
EVENT_STREAM = CONTENT_TYPE
KEEPALIVE = b""


def build_reply(
    reply: UpstreamReply,
    request: RerankRequest,
    result: RerankResult,
    answer_id: str,
    created: int,
    model: str,
) -> UpstreamReply:
    """Return the reply with the documents that the request wants back."""
    results = _results(result)[: request.top_n]
    if request.return_documents:
        for each in results:
            if each["index"] < len(request.documents):
                each["document"] = {"text": request.documents[each["index"]]}
    body = orjson.dumps(_answer(result, results, answer_id))
    return msgspec.structs.replace(reply, body=body)


def build_response(
    result: RerankResult, answer_id: str, created: int, model: str
) -> bytes:
    """Return a whole answer; the shape names neither its time nor its model."""
    return orjson.dumps(_answer(result, _results(result), answer_id))


def _results(result: RerankResult) -> list[dict[str, Any]]:
    return [
        {"index": ranked.index, "relevance_score": ranked.score}
        for ranked in result.ranked
    ]


def _answer(
    result: RerankResult, results: list[dict[str, Any]], answer_id: str
) -> JSON:
    answer: JSON = {"id": result.id or answer_id, "results": results}
    if result.tokens is not None:
        answer["meta"] = {"billed_units": _billed(result.tokens)}
    return answer


def _billed(tokens: Tokens) -> JSON:
    billed = {
        "search_units": tokens.other.get("search", 0),
        "input_tokens": tokens.input,
    }
    return {name: count for name, count in billed.items() if count}


def build_error(
    status: int, code: str, message: str, param: str | None, extra: JSON | None = None
) -> bytes:
    """Return an error: the clients look at the message, the rest tells it apart."""
    error: JSON = {"message": message, "code": code, **(extra or {})}
    if param is not None:
        error["param"] = param
    return orjson.dumps(error)


def build_error_event(
    status: int, code: str, message: str, param: str | None = None
) -> bytes:
    return build_error(status, code, message, param)
