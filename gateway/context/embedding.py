"""Vectors of questions and entries, through the project's own alias `embed`.

Only where a scope selects by similarity. A vector that cannot be had hinders nothing: then
the newest entries are selected.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING
from uuid import UUID

import orjson
from kombu.exceptions import OperationalError
from uuid_utils import uuid7

from gateway.callers import project_caller
from gateway.canonical import ChatRequest, Text
from gateway.configuration.database_threads import DatabaseThreads
from gateway.configuration.records import KeyRecord
from gateway.configuration.tenant_loading import read_project
from gateway.context.wording import as_text
from gateway.dialects import openai_embeddings
from gateway.exchange import canonical_of
from gateway.refusals import Refusal
from gateway.strict_json import fields_of
from gateway.types import Attribution, InferenceRequest
from tenants.context import vectors
from tenants.context.scopes import BY_SIMILARITY
from tenants.context.sealing import key_of, open_content
from tenants.encryption import Unsealable
from tenants.models import ContextEntry, ContextScope

if TYPE_CHECKING:
    from gateway.serve import Gateway, Outcome

    Serve = Callable[
        [InferenceRequest, KeyRecord, str, ModuleType, Gateway], Awaitable[Outcome]
    ]

logger = logging.getLogger(__name__)

ALIAS = "embed"
_FEATURE = Attribution(feature="context")
_MAX_CHARACTERS = 8_000
_AT_ONCE = 64
_PENDING = 500
_EXPIRES_S = 600
_STATEMENT_S = 20.0


async def question_vector(
    request: InferenceRequest,
    key: KeyRecord,
    dialect: ModuleType,
    gateway: "Gateway",
    serve: "Serve",
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
    texts: Sequence[str], key: KeyRecord, gateway: "Gateway", serve: "Serve"
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


def embed_later(ids: Sequence[UUID]) -> None:
    """Have entries embedded by a worker, where their project wants that.

    What is sent are ids alone. A message that is lost costs time: what has no vector is
    looked for every now and then.
    """
    if not ids or not _is_wanted(ids[0]):
        return
    # Tasks import this module.
    from gateway.tasks import embed_context

    named = [str(each) for each in ids]
    try:
        embed_context.apply_async((named,), retry=False, expires=_EXPIRES_S)
    except (OperationalError, OSError) as error:
        logger.info("entries embedded later", extra={"why": type(error).__name__})


def pending() -> list[str]:
    """Return the ids of entries that have no vector, though their project wants one."""
    wanting = ContextScope.objects.filter(selection=BY_SIMILARITY).values("project")
    rows = ContextEntry.objects.filter(embedded_with="", project__in=wanting)
    return [str(pk) for pk in rows.order_by().values_list("pk", flat=True)[:_PENDING]]


def embed_entries(ids: Sequence[str]) -> int:
    """Embed those of the entries that have no vector of what they say now."""
    from gateway.opening import OpenGateway
    from gateway.serve import serve

    if not vectors.is_ready():
        logger.warning("entries not embedded", extra={"why": vectors.MISSING})
        return 0
    rows = ContextEntry.objects.filter(pk__in=ids, embedded_with="")
    by_project: dict[int, list[ContextEntry]] = {}
    for row in rows.select_related("end_user"):
        by_project.setdefault(row.project_id, []).append(row)

    async def work() -> int:
        opened = OpenGateway()
        database = DatabaseThreads(
            1, statement_s=_STATEMENT_S, answer_s=_STATEMENT_S, read_only=False
        )
        try:
            gateway = await opened.open()
            return sum(
                [
                    await _embed_rows(of_project, project_id, gateway, serve, database)
                    for project_id, of_project in by_project.items()
                ]
            )
        finally:
            await opened.close()
            await database.stop()

    return asyncio.run(work()) if by_project else 0


async def _embed_rows(
    rows: Sequence[ContextEntry],
    project_id: int,
    gateway: "Gateway",
    serve: "Serve",
    database: DatabaseThreads,
) -> int:
    project = await database.read(read_project, project_id)
    if project is None:
        return 0
    key = project_caller(project)
    done = 0
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        try:
            texts = await database.read(_texts, some)
            model, found = await embed(list(texts.values()), key, gateway, serve)
        except (Refusal, Unsealable, LookupError, ValueError) as error:
            logger.warning(
                "entries not embedded",
                extra={"project": project.slug, "why": type(error).__name__},
            )
            return done
        written = {row.pk: row.updated_at for row in some}
        named = {
            pk: vectors.Vector(model, vector, written[pk])
            for pk, vector in zip(texts, found, strict=True)
        }
        done += await database.read(vectors.store, named)
    return done


def _texts(rows: Sequence[ContextEntry]) -> dict[UUID, str]:
    keys = {row.end_user_id: row.end_user for row in rows}
    opened = {user_pk: key_of(user) for user_pk, user in keys.items()}
    return {
        row.pk: as_text(
            open_content(
                bytes(row.sealed),
                opened[row.end_user_id],
                row.project_id,
                row.end_user_id,
                row.pk,
            )
        )
        for row in rows
    }


def _is_wanted(entry_id: UUID) -> bool:
    scopes = ContextScope.objects.filter(
        selection=BY_SIMILARITY, project__context_entries=entry_id
    )
    return bool(scopes.exists())


def _last_said(asked: ChatRequest) -> str:
    """Return the text of the user's last message."""
    for message in reversed(asked.messages):
        if message.role == "user":
            parts = [part.text for part in message.parts if isinstance(part, Text)]
            if parts:
                return "\n".join(parts)[-_MAX_CHARACTERS:]
    return ""
