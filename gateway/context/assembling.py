"""Finding the context that a request asks for, beside the event loop."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial

from django.db import DatabaseError

from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from gateway.configuration.records import EndUserRecord, KeyRecord, ProjectRecord
from gateway.context.choosing import Chosen, choose
from gateway.context.prepared import Context
from gateway.context.wishes import Wish
from gateway.context.wording import Worded, words_of
from gateway.refusals import InvalidRequest, Overloaded
from gateway.types import InferenceRequest
from tenants.context.scopes import BY_SIMILARITY
from tenants.encryption import Unsealable

logger = logging.getLogger(__name__)

_THREADS = 2
_STATEMENT_S = 2.0
_ANSWER_S = 2.5

# Turns the question into a vector, as PostgreSQL reads it; None: it could not be had.
Embed = Callable[[], Awaitable[str | None]]


class Contexts:
    """Belongs to one event loop. Holds nothing of anybody between two requests."""

    def __init__(self) -> None:
        self._threads = DatabaseThreads(
            _THREADS, statement_s=_STATEMENT_S, answer_s=_ANSWER_S
        )

    async def stop(self) -> None:
        await self._threads.stop()

    async def prepare(
        self, request: InferenceRequest, key: KeyRecord, embed: Embed | None = None
    ) -> None:
        """Put the context in the place of the wish for it.

        Raises `InvalidRequest` where no user is named, and `Overloaded` when it cannot
        be read: nobody is answered as if the user were unknown.
        """
        wish: Wish = request.context
        if not request.attribution.end_user:
            msg = (
                "A context is about an end user: name one, by x-signalbox-user or, in "
                "the own dialect, 'userId'."
            )
            raise InvalidRequest(msg, param="userId")
        user: EndUserRecord | None = request.end_user
        if user is None or not _needs_reading(wish, key.project):
            request.context = assembled(wish, key.project, user, Chosen(), _now())
            return
        vector = None
        if wish.rules.selection == BY_SIMILARITY and embed is not None:
            vector = await embed()
        try:
            request.context = await self._threads.read(
                partial(assemble, wish, key.project, user, vector)
            )
        except (ConfigurationUnavailable, DatabaseError, Unsealable) as error:
            logger.warning(
                "context not read",
                extra={"project": key.project.slug, "why": type(error).__name__},
            )
            msg = "The context of this end user cannot be read; try again shortly."
            raise Overloaded(msg, headers={"retry-after": "2"}) from error


def assemble(
    wish: Wish, project: ProjectRecord, user: EndUserRecord, vector: str | None = None
) -> Context:
    """Return the context out of the database. Raises `Unsealable`."""
    now = _now()
    chosen = choose(wish, project.id, user.pk, now, vector)
    return assembled(wish, project, user, chosen, now)


def preview(wish: Wish, project: ProjectRecord, user: EndUserRecord | None) -> Worded:
    """Return what would be said, were there room for all of it. Raises `Unsealable`."""
    if user is None:
        return assembled(wish, project, None, Chosen(), _now()).full
    return assemble(wish, project, user).full


def assembled(
    wish: Wish,
    project: ProjectRecord,
    user: EndUserRecord | None,
    chosen: Chosen,
    now: datetime,
) -> Context:
    rules = wish.rules
    name = "" if user is None else user.display_name
    words = words_of(rules, name, chosen.entries, now, project.time_zone)
    return Context(rules.name, words, chosen.secret)


def _needs_reading(wish: Wish, project: ProjectRecord) -> bool:
    """Say whether there may be entries, or answers that are sealed with the user's key."""
    return bool(wish.rules.kinds) or project.cache.get("context") is True


def _now() -> datetime:
    return datetime.now(UTC)
