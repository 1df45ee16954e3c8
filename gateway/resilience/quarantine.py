"""Credentials that their provider refuses: set aside here at once, and for everybody soon.

A status alone does not prove that a key is bad: some providers answer 403 to a prompt
they do not like, which any project could send. So a credential is judged by what it did
before.
"""

import asyncio
import logging

import pghistory
from django.db import DatabaseError, connection
from django.utils import timezone

from catalog.models import Credential
from gateway.configuration.records import CredentialRecord
from gateway.upstream.errors import QuotaSpent, UpstreamAccountError
from tenants.encryption import Unsealable

logger = logging.getLogger(__name__)

# One that was of use within this time is not given up for a single refusal.
TRUSTED_S = 300.0
REFUSALS_TO_QUARANTINE = 3
# A spent quota, and what a provider refuses with 402 or 403, for so long.
REST_S = 600.0
# Another of the request's targets may still show that the credential is good.
GRACE_S = 0.5


class CredentialState:
    """How a credential did, as this process saw it; `worked_at` is -inf before it did."""

    __slots__ = ("is_refused", "record", "refusals", "rest_until", "worked_at")

    def __init__(self, record: CredentialRecord | None) -> None:
        self.record = record
        self.refusals = 0
        self.worked_at = float("-inf")
        self.is_refused = False
        self.rest_until = 0.0

    def is_at_rest(self, now: float, record: CredentialRecord | None) -> bool:
        """Say whether others are to be preferred."""
        if record is not self.record:
            # The configuration was read again: perhaps released, perhaps another value.
            self.record = record
            self.is_refused = False
            self.rest_until = 0.0
            self.refusals = 0
        return self.is_refused or now < self.rest_until

    @property
    def is_clear(self) -> bool:
        return not self.is_refused and not self.rest_until

    def note_success(self, now: float) -> None:
        self.worked_at = now
        if self.refusals or self.rest_until or self.is_refused:
            self.refusals = 0
            self.rest_until = 0.0
            self.is_refused = False

    def note_refusal(self, error: UpstreamAccountError, now: float) -> bool:
        """Take note of it; says whether the credential is to be quarantined."""
        if isinstance(error, QuotaSpent):
            if error.status != 402:
                self.rest_until = now + REST_S
            return False
        self.refusals += 1
        is_trusted = now - self.worked_at < TRUSTED_S
        at_once = error.status == 401 and not is_trusted
        has_never_worked = self.worked_at == float("-inf")
        in_a_row = self.refusals >= REFUSALS_TO_QUARANTINE and (
            error.status == 401 or has_never_worked
        )
        if self.is_refused or not (at_once or in_a_row):
            return False
        self.is_refused = True
        return True


class Quarantine:
    """Writes what requests find out, behind them."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, state: CredentialState, provider: str, error: str) -> None:
        """Quarantine the credential soon, unless it turns out to be good meanwhile."""
        record = state.record
        if record is None or record.secret is None:
            return
        task = asyncio.create_task(self._put(state, record, provider, error))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _put(
        self, state: CredentialState, record: CredentialRecord, provider: str, why: str
    ) -> None:
        await asyncio.sleep(GRACE_S)
        if not state.is_refused or state.record is not record:
            return
        told = {"credential": record.id, "provider": provider, "reason": why}
        try:
            is_done = await asyncio.to_thread(_store, record)
        except DatabaseError:
            logger.warning("quarantine not stored", extra=told)
            return
        if is_done:
            logger.warning("credential quarantined", extra=told)


def _store(record: CredentialRecord) -> bool:
    """Mark the row, unless its value is another by now; says whether it was marked."""
    try:
        row = Credential.objects.filter(pk=record.id, quarantined_at=None).first()
        if row is None or row.reveal() != record.secret:
            return False
        with pghistory.context(actor="gateway"):
            row.quarantined_at = timezone.now()
            row.save(update_fields=["quarantined_at"])
    except Unsealable:
        return False
    finally:
        connection.close()
    return True
