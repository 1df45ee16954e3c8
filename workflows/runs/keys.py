"""Idempotency keys: a request that is sent again makes nothing new."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import orjson
from django.db import connection

from workflows.contents import fingerprint
from workflows.models import IdempotentRequest, WorkflowRun, WorkflowVersion
from workflows.runs.starting import NotStarted

T = TypeVar("T", bound=WorkflowRun | WorkflowVersion)


def once(
    route: str, key: str, project_id: int, content: Any, make: Callable[[], T]
) -> T:
    """Return what `make` makes, or what it made when this key was first used.

    Whoever sends the same at the same time waits for our commit. Raises `NotStarted`
    when the key was used for another content.
    """
    if not key:
        return make()
    said = fingerprint(
        orjson.dumps(content, option=orjson.OPT_SORT_KEYS),
        project_id,
        "idempotent request",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
            [f"workflows:{project_id}:{route}:{key}"],
        )
    known = (
        IdempotentRequest.objects.filter(project_id=project_id, route=route, key=key)
        .select_related("run", "version")
        .first()
    )
    if known is not None:
        if known.fingerprint != said:
            msg = "This Idempotency-Key was used for another request; use a new one."
            raise NotStarted(msg, status=409, code="idempotency_key_reused")
        found: Any = known.version if known.run is None else known.run
        return cast("T", found)
    made = make()
    row = IdempotentRequest(
        project_id=project_id, route=route, key=key, fingerprint=said
    )
    if isinstance(made, WorkflowRun):
        row.run = made
    else:
        row.version = made
    row.save(force_insert=True)
    return made
