"""Vectors of texts, through the project's own alias `embed`.

Only where a scope selects by similarity. A vector that cannot be had hinders nothing: then
the newest entries are selected.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import Protocol, TypeVar

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
    """Return the model that was asked and a vector for each text. Raises a `Refusal`."""
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
    return outcome.answer.candidate.model.name, [each["embedding"] for each in data]


def _last_said(asked: ChatRequest) -> str:
    """Return the text of the user's last message."""
    for message in reversed(asked.messages):
        if message.role == "user":
            parts = [part.text for part in message.parts if isinstance(part, Text)]
            if parts:
                return "\n".join(parts)[-_MAX_CHARACTERS:]
    return ""
