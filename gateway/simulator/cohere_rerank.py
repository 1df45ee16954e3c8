"""Cohere's ranking of documents, in both of its versions."""

from typing import Any

import orjson

from gateway.simulator.checks import names_in, refuse, whole_number
from gateway.simulator.cohere_protocol import CohereProtocol
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask, Failure, Glance, Refused

_LENGTH = 256
_MOST_DOCUMENTS = 10_000
_DOCUMENTS_PER_SEARCH = 100
_DIGITS = 6


class CohereRerank(CohereProtocol):
    """The protocol `cohere_rerank`: documents that share words with the query lead."""

    name = "cohere_rerank"
    fields = names_in(
        "model query documents top_n max_tokens_per_doc priority relevant_spans"
    )
    documents: tuple[str, ...] = ()
    top_n: int | None = None
    echoes = False

    def glance(self, body: JSON) -> Glance:
        return Glance(str(body.get("model")), stream=False, is_chat=False)

    def parse(self, body: JSON) -> Ask:
        for name in body:
            if name not in self.fields:
                message = f"unknown field: parameter '{name}' is not a valid field"
                raise Refused(Failure(422, "invalid", message))
        model, query = body.get("model"), body.get("query")
        if not isinstance(model, str) or not model:
            refuse("invalid request: model is required")
        if not isinstance(query, str) or not query.strip():
            refuse("invalid request: query must not be empty or be only whitespace")
        documents = body.get("documents")
        if not isinstance(documents, list) or not documents:
            refuse("invalid request: list of documents must not be empty")
        if len(documents) > _MOST_DOCUMENTS:
            refuse("invalid request: too many documents")
        top_n = body.get("top_n")
        if top_n is not None and (not whole_number(top_n) or top_n < 1):
            refuse("invalid request: top_n must be at least 1")
        self.documents = tuple(self.text_of(each) for each in documents)
        self.top_n = top_n
        self.echoes = body.get("return_documents") is True
        texts = [query, *self.documents]
        inputs = [(text, _LENGTH) for text in texts]
        tokens = sum(map(tokens_in, texts))
        return Ask(model, "\n".join(texts), tokens, inputs=inputs)

    def text_of(self, document: Any) -> str:
        if not isinstance(document, str):
            refuse("invalid request: documents must be strings")
        return document

    def build_body(self, answer: Answer) -> bytes:
        query, *vectors = answer.vectors
        scores = [_score(query, vector) for vector in vectors]
        best = sorted(range(len(scores)), key=lambda at: scores[at], reverse=True)
        made: JSON = {
            "id": answer.id,
            "results": [self._result(at, scores[at]) for at in best[: self.top_n]],
            "meta": {"api_version": {"version": "1" if self.is_older else "2"}},
        }
        if answer.usage is not None:
            told = answer.usage.prompt_tokens
            searches = -(-len(vectors) // _DOCUMENTS_PER_SEARCH)
            # What cannot be true stays so.
            is_true = 0 < told < 10**9
            billed = {"search_units": searches if is_true else told}
            made["meta"]["billed_units"] = billed
        return orjson.dumps(made)

    def _result(self, at: int, score: float) -> JSON:
        result: JSON = {"index": at, "relevance_score": score}
        if self.echoes:
            result["document"] = {"text": self.documents[at]}
        return result


class CohereRerankOlder(CohereRerank):
    """The older version: documents may be objects, and come back if wanted."""

    name = "cohere_rerank_v1"
    is_older = True
    fields = names_in(
        "model query documents top_n rank_fields return_documents max_chunks_per_doc"
    )

    def text_of(self, document: Any) -> str:
        if isinstance(document, dict) and isinstance(document.get("text"), str):
            return str(document["text"])
        return super().text_of(document)


def _score(query: list[float], vector: list[float]) -> float:
    """Return how alike two vectors of length one are, from 0 to 1."""
    alike = sum(one * other for one, other in zip(query, vector, strict=True))
    return round(min(max(alike, 0.0), 1.0), _DIGITS)
