"""Cohere's embeddings: of texts, or of texts and images together."""

import base64
import struct
from typing import Any

import orjson

from gateway.simulator.checks import refuse, whole_number
from gateway.simulator.cohere_protocol import CohereProtocol
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask, Glance

_INPUT_TYPES = (
    "search_document",
    "search_query",
    "classification",
    "clustering",
    "image",
)
_TYPES = ("float", "base64", "int8")
_DIMENSIONS = (256, 512, 1024, 1536)
_USUAL_DIMENSIONS = 1536
_MOST_TEXTS = 96
_BYTE = 127


class CohereEmbeddings(CohereProtocol):
    """The protocol `cohere_embeddings`."""

    name = "cohere_embeddings"
    types: tuple[str, ...] = ("float",)
    texts: tuple[str, ...] = ()
    images = 0

    def glance(self, body: JSON) -> Glance:
        return Glance(str(body.get("model")), stream=False, is_chat=False)

    def parse(self, body: JSON) -> Ask:
        model = body.get("model")
        if not isinstance(model, str) or not model:
            refuse("invalid request: model is required")
        if body.get("input_type") not in _INPUT_TYPES:
            refuse(
                "invalid request: valid input_type must be provided with the provided "
                "model"
            )
        length = body.get("output_dimension", _USUAL_DIMENSIONS)
        if not whole_number(length) or length not in _DIMENSIONS:
            refuse("invalid request: output_dimension must be 256, 512, 1024 or 1536")
        self.types = tuple(body.get("embedding_types") or ("float",))
        if not set(self.types) <= set(_TYPES):
            refuse("invalid request: embedding_types holds an unknown type")
        texts = self._texts(body)
        if len(texts) > _MOST_TEXTS:
            refuse("invalid request: total number of texts must be at most 96")
        tokens = sum(map(tokens_in, texts))
        inputs = [(text, length) for text in texts]
        return Ask(model, "\n".join(texts), tokens, inputs=inputs)

    def _texts(self, body: JSON) -> list[str]:
        """Return a text for each vector."""
        texts: Any = body.get("texts")
        if texts is None:
            texts = [self._joined(each["content"]) for each in body.get("inputs") or []]
            texts += [
                self._joined([{"image": each}]) for each in body.get("images", [])
            ]
        if not isinstance(texts, list) or not texts:
            refuse("invalid request: at least one text is required")
        if not all(isinstance(text, str) for text in texts):
            refuse("invalid request: texts must be strings")
        self.texts = tuple(texts)
        return texts

    def _joined(self, content: list[JSON]) -> str:
        self.images += sum("text" not in item for item in content)
        return " ".join(str(item.get("text", "an image")) for item in content)

    def build_body(self, answer: Answer) -> bytes:
        made: JSON = {
            "id": answer.id,
            "response_type": "embeddings_by_type",
            "embeddings": {kind: _as(kind, answer.vectors) for kind in self.types},
            "texts": self.texts,
            "meta": {"api_version": {"version": "2"}},
        }
        if answer.usage is not None:
            billed: JSON = {"input_tokens": float(answer.usage.prompt_tokens)}
            if self.images:
                billed["images"] = float(self.images)
            made["meta"]["billed_units"] = billed
        return orjson.dumps(made)


def _as(kind: str, vectors: list[list[float]]) -> list[Any]:
    match kind:
        case "base64":
            packed = (struct.pack(f"<{len(v)}f", *v) for v in vectors)
            return [base64.b64encode(data).decode() for data in packed]
        case "int8":
            return [[round(value * _BYTE) for value in vector] for vector in vectors]
        case _:
            return list(vectors)
