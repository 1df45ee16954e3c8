"""`batchEmbedContents` as Google's clients speak it, and `embedContent`, a batch of one."""

import msgspec
import orjson

from gateway.dialects.gemini_generate import CONTENT_TYPE, Malformed, build_error
from gateway.dialects.gemini_generate.protocol import (
    member,
    object_in,
    objects_in,
    others,
    text_in,
    whole_in,
)
from gateway.operations import EmbeddingsRequest, EmbeddingsResult, InputType
from gateway.types import JSON

__all__ = [
    "CONTENT_TYPE",
    "NAME",
    "Malformed",
    "build_error",
    "build_response",
    "check_one",
    "check_request",
    "input_size",
    "max_output_tokens",
    "only_one",
    "parse_request",
    "wants_stream",
    "wants_usage",
]

NAME = "gemini_embeddings"

_TASKS: dict[str, InputType] = {
    "RETRIEVAL_QUERY": "query",
    "QUESTION_ANSWERING": "query",
    "FACT_VERIFICATION": "query",
    "CODE_RETRIEVAL_QUERY": "query",
    "RETRIEVAL_DOCUMENT": "document",
    "CLASSIFICATION": "classification",
    "CLUSTERING": "clustering",
}
_READ = frozenset({"content", "model", "outputDimensionality", "taskType", "title"})


class _Batch(msgspec.Struct, rename="camel", omit_defaults=True):
    embeddings: list[msgspec.Raw]
    usage_metadata: msgspec.Raw = msgspec.Raw(b"null")


_decode_batch = msgspec.json.Decoder(_Batch).decode


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    if not objects_in(body, "requests"):
        msg = "'requests' must be a list of at least one request."
        raise Malformed(msg, "requests")
    for number, request in enumerate(objects_in(body, "requests")):
        check_one(request, f"requests[{number}]")


def check_one(request: JSON, where: str = "") -> None:
    """Refuse a single request that no provider could answer."""
    place = f"{where}.content" if where else "content"
    if not objects_in(object_in(request, "content", where), "parts", place):
        msg = f"'{place}.parts' must be a list of at least one part."
        raise Malformed(msg, f"{place}.parts")


def max_output_tokens(body: JSON) -> int | None:
    return None


def wants_stream(body: JSON) -> bool:
    return False


def wants_usage(body: JSON) -> bool:
    return True


def input_size(body: JSON) -> int:
    """Return how many bytes of text and data there are."""
    return sum(
        len(text.encode())
        if type(text := part.get("text")) is str
        else len(orjson.dumps(part))
        for request in body["requests"]
        for part in object_in(request, "content")["parts"]
    )


def parse_request(body: JSON) -> EmbeddingsRequest:
    """Read a batch. Raises `Malformed` for what cannot be said in another protocol."""
    check_request(body)
    requests = objects_in(body, "requests")
    first = _settings(requests[0], 0)
    for number, request in enumerate(requests):
        if _settings(request, number) != first:
            msg = (
                f"'requests[{number}]' must want the same as the first: for models that "
                "are not Google's, a batch has one task and one length of vectors."
            )
            raise Malformed(msg, f"requests[{number}]")
    length, task, extra = first
    return EmbeddingsRequest(
        inputs=tuple(_text(request, n) for n, request in enumerate(requests)),
        dimensions=length,
        input_type=_TASKS.get(task.upper(), ""),
        title=next((title for r in requests if (title := text_in(r, "title"))), ""),
        extra=extra,
        protocol=NAME,
    )


def _settings(request: JSON, number: int) -> tuple[int | None, str, JSON]:
    """Return all that is said of a text beside itself and its title."""
    where = f"requests[{number}]"
    length = whole_in(request, "outputDimensionality", where)
    if length is not None and length < 1:
        path = f"{where}.outputDimensionality"
        raise Malformed(f"'{path}' must be a whole number above zero.", path)
    return length, text_in(request, "taskType", where), others(request, _READ)


def _text(request: JSON, number: int) -> str:
    content = member(request, "content")
    texts = []
    for at, part in enumerate(content["parts"]):
        place = f"requests[{number}].content.parts[{at}]"
        if type(part.get("text")) is not str:
            msg = f"'{place}' must hold text: only Google's models embed anything else."
            raise Malformed(msg, place)
        texts.append(part["text"])
    return "\n".join(texts)


def build_response(
    result: EmbeddingsResult, answer_id: str, created: int, model: str
) -> bytes:
    answer: JSON = {"embeddings": [{"values": values} for values in result.vectors]}
    if result.tokens is not None:
        answer["usageMetadata"] = {
            "promptTokenCount": result.tokens.input,
            "totalTokenCount": result.tokens.input,
        }
    return orjson.dumps(answer)


def only_one(body: bytes) -> bytes:
    """Return the answer to `embedContent` for that to a batch of one."""
    batch = _decode_batch(body)
    answer = b'{"embedding":' + bytes(batch.embeddings[0])
    if (usage := bytes(batch.usage_metadata)) != b"null":
        answer += b',"usageMetadata":' + usage
    return answer + b"}"
