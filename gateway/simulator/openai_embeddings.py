"""OpenAI's embeddings, of texts and of token numbers."""

import base64
import struct
from typing import Any

import orjson

from gateway.simulator.checks import refuse, whole_number
from gateway.simulator.openai_operations import OpenAIOperation, model_in, texts_in
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask, Head

_MOST_INPUTS = 2048
_MOST_DIMENSIONS = 1536
_MOST_TOKENS = 8192


class OpenAIEmbeddings(OpenAIOperation):
    """The protocol `openai_embeddings`."""

    name = "openai_embeddings"

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.in_base64 = False

    def parse(self, body: JSON) -> Ask:
        model = model_in(body)
        wanted = body.get("encoding_format", "float")
        if wanted not in ("float", "base64"):
            refuse("Invalid value for 'encoding_format'.", "encoding_format")
        self.in_base64 = wanted == "base64"
        length = body.get("dimensions", _MOST_DIMENSIONS)
        if not whole_number(length) or not 1 <= length <= _MOST_DIMENSIONS:
            refuse("Invalid value for 'dimensions'.", "dimensions", "invalid_value")
        inputs = [_text(each) for each in _inputs(body.get("input"))]
        tokens = [count for _, count in inputs]
        if max(tokens) > _MOST_TOKENS:
            refuse(
                f"This model's maximum context length is {_MOST_TOKENS} tokens, however "
                f"you requested {max(tokens)} tokens.",
                "input",
                "context",
            )
        return Ask(
            model,
            "\n".join(text for text, _ in inputs),
            sum(tokens),
            inputs=[(text, length) for text, _ in inputs],
        )

    def build_body(self, answer: Answer) -> bytes:
        body: JSON = {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": _packed(vector) if self.in_base64 else vector,
                }
                for index, vector in enumerate(answer.vectors)
            ],
            "model": answer.model,
        }
        if answer.usage is not None:
            used = answer.usage.prompt_tokens
            body["usage"] = {"prompt_tokens": used, "total_tokens": used}
        return orjson.dumps(body)


def _inputs(value: Any) -> list[Any]:
    inputs = texts_in(value, "input")
    if all(whole_number(each) for each in inputs):
        # One text, as the numbers of its tokens.
        inputs = [inputs]
    if len(inputs) > _MOST_INPUTS:
        refuse(
            f"Invalid 'input': array too long. Expected an array with maximum length "
            f"{_MOST_INPUTS}, but got an array with length {len(inputs)} instead.",
            "input",
            "array_above_max_length",
        )
    return inputs


def _text(value: Any) -> tuple[str, int]:
    """Return a text, or what stands for one, and how many tokens it has."""
    if isinstance(value, str):
        return value, tokens_in(value)
    if not isinstance(value, list) or not value or not all(map(whole_number, value)):
        refuse("Invalid type for 'input'.", "input", "invalid_type")
    return " ".join(map(str, value)), len(value)


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
