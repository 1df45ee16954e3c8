"""Vectors of the entries that are kept, made by a worker where their project wants that."""

import asyncio
import logging
from collections.abc import Sequence
from uuid import UUID

from gateway.callers import project_caller
from gateway.configuration.database_threads import DatabaseThreads
from gateway.configuration.tenant_loading import read_project
from gateway.context.embedding import embed
from gateway.context.wording import as_text
from gateway.opening import OpenGateway
from gateway.refusals import Refusal
from gateway.serve import Gateway, serve
from tenants.context import vectors
from tenants.context.scopes import BY_SIMILARITY
from tenants.context.sealing import key_of, open_content
from tenants.encryption import Unsealable
from tenants.models import ContextEntry, ContextScope

logger = logging.getLogger(__name__)

_AT_ONCE = 64
_PENDING = 500
_STATEMENT_S = 20.0


def pending() -> list[str]:
    """Return the ids of entries that have no vector, though their project wants one."""
    wanting = ContextScope.objects.filter(selection=BY_SIMILARITY).values("project")
    rows = ContextEntry.objects.filter(embedded_with="", project__in=wanting)
    return [str(pk) for pk in rows.order_by().values_list("pk", flat=True)[:_PENDING]]


def embed_entries(ids: Sequence[str]) -> int:
    """Embed those of the entries that have no vector of what they say now."""
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
                    await _embed_rows(of_project, project_id, gateway, database)
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
    gateway: Gateway,
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
