"""Sending entries to a worker that makes their vectors."""

import logging
from collections.abc import Sequence
from uuid import UUID

from kombu.exceptions import OperationalError

from gateway.tasks import embed_context
from tenants.context.scopes import BY_SIMILARITY
from tenants.models import ContextScope

logger = logging.getLogger(__name__)

_EXPIRES_S = 600


def embed_later(ids: Sequence[UUID]) -> None:
    """Have entries embedded by a worker, where their project wants that.

    What is sent are ids alone. A message that is lost costs time: what has no vector is
    looked for every now and then.
    """
    if not ids or not _is_wanted(ids[0]):
        return
    named = [str(each) for each in ids]
    try:
        embed_context.apply_async((named,), retry=False, expires=_EXPIRES_S)
    except (OperationalError, OSError) as error:
        logger.info("entries embedded later", extra={"why": type(error).__name__})


def _is_wanted(entry_id: UUID) -> bool:
    scopes = ContextScope.objects.filter(
        selection=BY_SIMILARITY, project__context_entries=entry_id
    )
    return bool(scopes.exists())
