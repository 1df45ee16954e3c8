"""Gemini's embeddings, of one text and of many."""

from typing import Any

import orjson

from gateway.simulator.checks import names_in, refuse, whole_number
from gateway.simulator.gemini_fields import check_names, in_camel_case
from gateway.simulator.gemini_protocol import GeminiProtocol
from gateway.simulator.gemini_turns import texts_of
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask

_FIELDS = names_in("model content taskType title outputDimensionality")
_TASKS = names_in(
    "TASK_TYPE_UNSPECIFIED SEMANTIC_SIMILARITY CLASSIFICATION CLUSTERING "
    "RETRIEVAL_DOCUMENT RETRIEVAL_QUERY QUESTION_ANSWERING FACT_VERIFICATION "
    "CODE_RETRIEVAL_QUERY"
)
_MOST_REQUESTS = 100
_MOST_DIMENSIONS = 3072
# Only the longest vectors have length one.
_LENGTH_WHEN_CUT = 0.75


class GeminiEmbedding(GeminiProtocol):
    """The protocol `gemini_embeddings`, for one text; usage is not reported."""

    name = "gemini_embeddings"

    def parse(self, body: JSON) -> Ask:
        return self._ask([_read(in_camel_case(body), "embed_content_request")])

    def build_body(self, answer: Answer) -> bytes:
        (vector,) = answer.vectors
        return orjson.dumps({"embedding": _embedding(vector)})

    def _ask(self, inputs: list[tuple[str, int]]) -> Ask:
        tokens = sum(tokens_in(text) for text, _ in inputs)
        prompt = "\n".join(text for text, _ in inputs)
        return Ask(self.model, prompt, tokens, inputs=inputs)


class GeminiBatchEmbeddings(GeminiEmbedding):
    """The same for many texts."""

    def parse(self, body: JSON) -> Ask:
        body = in_camel_case(body)
        check_names(body, frozenset({"requests"}))
        requests = body.get("requests")
        if not isinstance(requests, list) or not requests:
            refuse("* BatchEmbedContentsRequest.requests: requests is not specified")
        if len(requests) > _MOST_REQUESTS:
            refuse(
                "* BatchEmbedContentsRequest.requests: at most 100 requests can be in "
                "one batch"
            )
        inputs = []
        for at, request in enumerate(requests):
            inputs.append(_read(request, f"requests[{at}]"))
            if request.get("model") != f"models/{self.model}":
                refuse(
                    f"* BatchEmbedContentsRequest.requests[{at}].model: model must be "
                    "the same as in the path"
                )
        return self._ask(inputs)

    def build_body(self, answer: Answer) -> bytes:
        return orjson.dumps({"embeddings": [_embedding(v) for v in answer.vectors]})


def _read(request: Any, place: str) -> tuple[str, int]:
    """Return the text to embed, and the length of its vector."""
    check_names(request, _FIELDS, place)
    dimensions = request.get("outputDimensionality", _MOST_DIMENSIONS)
    if not whole_number(dimensions) or not 1 <= dimensions <= _MOST_DIMENSIONS:
        refuse(f"* {place}.output_dimensionality: must be from 1 to 3072")
    if request.get("taskType", "TASK_TYPE_UNSPECIFIED") not in _TASKS:
        refuse(f"Invalid value at '{place}.task_type', {request['taskType']!r}")
    text = " ".join(texts_of(request.get("content"), f"{place}.content"))
    if not text:
        refuse(f"* {place}.content: contents.parts must not be empty.")
    return text, dimensions


def _embedding(vector: list[float]) -> JSON:
    if len(vector) < _MOST_DIMENSIONS:
        vector = [value * _LENGTH_WHEN_CUT for value in vector]
    return {"values": vector}
