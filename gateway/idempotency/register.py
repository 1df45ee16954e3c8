"""Who answers a request that came more than once: claims and answers, in PostgreSQL.

The database decides alone, so that nothing is forgotten when Redis is, and two processes
never answer the same request. Only a request that carries a key asks it, in a thread.
"""

import asyncio
import contextlib
import logging
from functools import partial
from typing import Any

from django.db import DatabaseError

from gateway.configuration.database_threads import (
    ConfigurationUnavailable,
    DatabaseThreads,
)
from gateway.idempotency.kept import Kept, open_kept, seal_kept, sealing_key
from gateway.idempotency.keys import Namer
from gateway.refusals import (
    IdempotencyConflict,
    IdempotencyKeyReused,
    Overloaded,
    Refusal,
)
from tenants.encryption import Unsealable, data_key_by_project_id
from usage import idempotent_answers
from usage.idempotent_answers import Claim, Taken

logger = logging.getLogger(__name__)

# A process that dies while it answers holds the key no longer than this.
LEASE_S = 15.0
EXTEND_EVERY_S = 5.0
# What was left by its client, or is stopped, may be asked again a moment later.
LEFT_S = 1.0

# How long a request waits for the table: before it is answered, and after.
_CLAIM_S = 1.0
_STORE_S = 0.5
_STATEMENT_S = 5.0
_STOP_S = 2.0
_MAX_DATA_KEYS = 5_000
# All answers together that are recorded, or on their way to the table.
_MAX_WAITING_BYTES = 64 * 1024 * 1024

_UNAVAILABLE = (
    "The Idempotency-Key cannot be looked up at the moment; send the request again "
    "shortly, or without the header."
)
_REUSED = (
    "This Idempotency-Key came with another request before; use a new key for a new "
    "request, and send the same bytes again when you retry."
)
_RUNNING = (
    "A request with this Idempotency-Key is under way; wait as long as retry-after says "
    "and send it again to get its answer."
)
_NOT_KEPT = (
    "The request with this Idempotency-Key was answered, and its answer was too large to "
    "be kept; use a new key to ask again."
)


class IdempotencyRegister:
    """Belongs to one event loop."""

    def __init__(self, secret: str) -> None:
        self.namer = Namer(secret)
        self._threads = DatabaseThreads(
            2, statement_s=_STATEMENT_S, answer_s=_STATEMENT_S, read_only=False
        )
        self._sealing_keys: dict[int, bytes] = {}
        self._held: set[Claim] = set()
        self._writing: set[asyncio.Task[None]] = set()
        self._waiting_bytes = 0
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._keeper = asyncio.create_task(self._keep_leases(), name="idempotency")

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._writing:
            await asyncio.wait(self._writing, timeout=_STOP_S)
        await self._threads.stop()

    async def claim(self, wanted: Claim) -> Kept | None:
        """Return the answer that there is; None when it is this request that answers.

        Then it calls `keep`, `free` or `leave` in the end. Raises a `Refusal` when another
        request has the key.
        """
        try:
            async with asyncio.timeout(_CLAIM_S):
                taken = await self._threads.read(self._claim, wanted)
        except (ConfigurationUnavailable, DatabaseError, TimeoutError) as error:
            logger.warning("idempotency key not looked up", extra={"why": str(error)})
            raise Overloaded(_UNAVAILABLE, headers={"retry-after": "2"}) from error
        if taken is None:
            self._held.add(wanted)
            return None
        if isinstance(taken, Kept):
            return taken
        raise _refusal(wanted, taken)

    async def keep(self, held: Claim, kept: Kept | None) -> None:
        """Store the answer, before the client has all of it; None: it is too large."""
        await self._wait(self._answering(held, kept))

    async def free(self, held: Claim) -> None:
        """Let the request be sent again: nobody answered it."""
        await self._wait(self._begin(held, partial(idempotent_answers.free, held)))

    def leave(self, held: Claim) -> None:
        """Let go of a request that was broken off, so that it may soon be sent again."""
        self._begin(held, partial(idempotent_answers.extend, [held], LEFT_S))

    def keep_soon(self, held: Claim, kept: Kept | None) -> None:
        """Store an answer whose client has gone already."""
        self._answering(held, kept)

    def make_room(self, size: int) -> bool:
        """Note so many bytes that are to be stored; False when there is no room."""
        if self._waiting_bytes + size > _MAX_WAITING_BYTES:
            return False
        self._waiting_bytes += size
        return True

    def give_room(self, size: int) -> None:
        self._waiting_bytes -= size

    def _answering(self, held: Claim, kept: Kept | None) -> "asyncio.Task[None]":
        size = 0 if kept is None else len(kept.body)
        if not self.make_room(size):
            size, kept = 0, None
        task = self._begin(held, partial(self._answer, held, kept))
        task.add_done_callback(lambda _: self.give_room(size))
        return task

    def _begin(self, held: Claim, work: "partial[Any]") -> "asyncio.Task[None]":
        self._held.discard(held)
        task = asyncio.get_running_loop().create_task(self._written(work))
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return task

    async def _wait(self, task: "asyncio.Task[None]") -> None:
        """Wait for the write a while; it is finished even when the client goes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STORE_S):
                await asyncio.shield(task)

    async def _written(self, work: "partial[Any]") -> None:
        try:
            await self._threads.read(work)
        except (ConfigurationUnavailable, DatabaseError, Unsealable) as error:
            # The lease ends by itself, and the request may be answered anew.
            logger.warning("idempotent answer not kept", extra={"why": str(error)})

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(EXTEND_EVERY_S)
            if not self._held:
                continue
            held = list(self._held)
            with contextlib.suppress(ConfigurationUnavailable, DatabaseError):
                await self._threads.read(idempotent_answers.extend, held, LEASE_S)

    def _claim(self, wanted: Claim) -> Kept | Taken | None:
        """Claim the request, or read its answer; runs in a thread."""
        taken = idempotent_answers.claim(wanted, LEASE_S)
        if taken is None or taken.sealed is None:
            return taken
        with contextlib.suppress(Unsealable):
            sealing = self._sealing_key(wanted.project_id)
            return open_kept(taken.sealed, wanted, sealing) or taken
        return taken

    def _answer(self, held: Claim, kept: Kept | None) -> None:
        """Seal and store an answer; runs in a thread."""
        sealed = None
        if kept is not None:
            sealed = seal_kept(kept, held, self._sealing_key(held.project_id))
        if not idempotent_answers.answer(held, sealed):
            logger.warning("idempotent answer came after its lease had ended")

    def _sealing_key(self, project_id: int) -> bytes:
        keys = self._sealing_keys
        if (found := keys.get(project_id)) is None:
            found = sealing_key(data_key_by_project_id(project_id))
            if len(keys) >= _MAX_DATA_KEYS:
                keys.clear()
            keys[project_id] = found
        return found


def _refusal(wanted: Claim, taken: Taken) -> Refusal:
    if taken.fingerprint != wanted.fingerprint:
        return IdempotencyKeyReused(_REUSED, param="idempotency-key")
    if taken.is_answered:
        return IdempotencyConflict(_NOT_KEPT, headers={"x-should-retry": "false"})
    return IdempotencyConflict(_RUNNING, headers={"retry-after": "2"})
