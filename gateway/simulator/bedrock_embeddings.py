"""Embedding models on Amazon Bedrock, each with its maker's own body."""

import orjson

from gateway.simulator.bedrock_protocol import BedrockProtocol
from gateway.simulator.checks import names_in, refuse, whole_number
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask, Glance, Stream

_TITAN = names_in("inputText dimensions normalize embeddingTypes")
_COHERE = names_in(
    "texts input_type truncate embedding_types output_dimension max_tokens"
)
_PURPOSES = names_in("search_document search_query classification clustering")
_LENGTHS = (256, 512, 1024)
_COHERE_LENGTHS = (256, 512, 1024, 1536)
_MOST_TEXTS = 96


class BedrockEmbeddings(BedrockProtocol):
    """The protocol `bedrock_embeddings`: Cohere's body has texts, Titan's one text."""

    name = "bedrock_embeddings"
    is_cohere = False
    is_typed = False

    def glance(self, body: JSON) -> Glance:
        return Glance(self.model, False, is_chat=False)

    def parse(self, body: JSON) -> Ask:
        self.is_cohere = "texts" in body
        known = _COHERE if self.is_cohere else _TITAN
        for name in body:
            if name not in known:
                refuse(f"Malformed input request: extraneous key [{name}]")
        inputs = self._read_cohere(body) if self.is_cohere else _read_titan(body)
        tokens = sum(tokens_in(text) for text, _ in inputs)
        prompt = "\n".join(text for text, _ in inputs)
        return Ask(self.model, prompt, tokens, inputs=inputs)

    def build_body(self, answer: Answer) -> bytes:
        if not self.is_cohere:
            (vector,) = answer.vectors
            body: JSON = {"embedding": vector}
            if answer.usage is not None:
                body["inputTextTokenCount"] = answer.usage.prompt_tokens
            return orjson.dumps(body)
        vectors = {"float": answer.vectors} if self.is_typed else answer.vectors
        kind = "embeddings_by_type" if self.is_typed else "embeddings_floats"
        return orjson.dumps(
            {"id": answer.id, "response_type": kind, "embeddings": vectors}
        )

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        """Return a stream of one piece: there are no others."""
        return Stream([self.build_body(answer)], [], [], [])

    def _read_cohere(self, body: JSON) -> list[tuple[str, int]]:
        texts = body["texts"]
        if not isinstance(texts, list) or not 1 <= len(texts) <= _MOST_TEXTS:
            refuse("#/texts: expected minimum item count: 1, maximum: 96")
        if body.get("input_type") not in _PURPOSES:
            refuse("#: required key [input_type] not found")
        length = body.get("output_dimension", _COHERE_LENGTHS[-1])
        if length not in _COHERE_LENGTHS:
            refuse(f"output_dimension must be one of {_COHERE_LENGTHS}")
        self.is_typed = body.get("embedding_types") is not None
        return [(str(text), length) for text in texts]


def _read_titan(body: JSON) -> list[tuple[str, int]]:
    text = body.get("inputText")
    if not isinstance(text, str) or not text:
        refuse("Malformed input request: #: required key [inputText] not found")
    length = body.get("dimensions", _LENGTHS[-1])
    if not whole_number(length) or length not in _LENGTHS:
        refuse(f"Malformed input request: dimensions must be one of {_LENGTHS}")
    return [(text, length)]
