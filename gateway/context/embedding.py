"""Vectors of texts, through the project's own alias `embed`.

Only where a scope selects by similarity. A vector that cannot be had hinders nothing: then
the newest entries are selected.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Any, Protocol, TypeVar

import orjson
from uuid_utils import uuid7

from gateway.canonical import ChatRequest, Text
from gateway.configuration.records import KeyRecord
from gateway.dialects import openai_embeddings
from gateway.exchange import canonical_of
from gateway.refusals import Refusal
from gateway.resilience.answers import Answer
from gateway.strict_json import fields_of
from gateway.types import Attribution, InferenceRequest
from tenants.context import vectors

logger = logging.getLogger(__name__)

ALIAS = "embed"
_FEATURE = Attribution(feature="context")
_MAX_CHARACTERS = 8_000
# What pgvector takes: single precision, and so many dimensions.
_MAX_VALUE = 3e38
_MAX_DIMENSIONS = 16_000


class Served(Protocol):
    """What serving a request comes to, as far as it matters here."""

    answer: Answer


# What requests are served with, which is only passed on.
G = TypeVar("G")
Serve = Callable[[InferenceRequest, KeyRecord, str, ModuleType, G], Awaitable[Served]]


async def question_vector(
    request: InferenceRequest,
    key: KeyRecord,
    dialect: ModuleType,
    gateway: G,
    serve: Serve[G],
) -> str | None:
    """Return the vector of what the user last said, as PostgreSQL reads it; None: none."""
    try:
        asked: ChatRequest = canonical_of(request, dialect)
        text = _last_said(asked)
        if not text:
            return None
        _, found = await embed([text], key, gateway, serve)
    except (Refusal, LookupError, ValueError) as error:
        logger.warning(
            "context selected without a vector",
            extra={"project": key.project.slug, "why": type(error).__name__},
        )
        return None
    return vectors.as_text(found[0])


async def embed(
    texts: Sequence[str], key: KeyRecord, gateway: G, serve: Serve[G]
) -> tuple[str, list[list[float]]]:
    """Return the model that was asked and a vector for each text.

    Raises a `Refusal`, and `LookupError` or `ValueError` for an answer that is none.
    """
    body = {
        "model": ALIAS,
        "input": [text[:_MAX_CHARACTERS] for text in texts],
        "encoding_format": "float",
    }
    content = orjson.dumps(body)
    asked = InferenceRequest(
        operation="embeddings",
        dialect=openai_embeddings.NAME,
        model=ALIAS,
        fields=fields_of(content),
        size=openai_embeddings.input_size(body),
        attribution=_FEATURE,
        body=body,
        # Nothing that was made of what is known of a user is kept elsewhere.
        cache_wish=b"off",
    )
    outcome = await serve(asked, key, str(uuid7()), openai_embeddings, gateway)
    reply = outcome.answer.reply
    assert reply is not None  # noqa: S101  # Only streams have none.
    data = sorted(orjson.loads(reply.body)["data"], key=lambda each: each["index"])
    found = [_vector_in(each) for each in data]
    return outcome.answer.candidate.model.name, found


def _vector_in(each: dict[str, Any]) -> list[float]:
    """Return a vector that PostgreSQL takes: what is sent comes from any provider."""
    found = each["embedding"]
    if (
        not isinstance(found, list)
        or not 0 < len(found) <= _MAX_DIMENSIONS
        or not all(type(x) in {int, float} and abs(x) < _MAX_VALUE for x in found)
    ):
        raise ValueError("The answer holds something else where a vector belongs.")
    return found


def _last_said(asked: ChatRequest) -> str:
    """Return the text of the user's last message."""
    for message in reversed(asked.messages):
        if message.role == "user":
            parts = [part.text for part in message.parts if isinstance(part, Text)]
            if parts:
                return "\n".join(parts)[-_MAX_CHARACTERS:]
    return ""
