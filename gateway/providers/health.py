"""How the providers did when they were last checked, as a web process knows it."""

import asyncio
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from catalog.models import ProviderCheck
from gateway.configuration.database_threads import ConfigurationUnavailable
from gateway.configuration.snapshot import Snapshot

logger = logging.getLogger(__name__)

_KEPT_S = 5.0
# What was found out longer ago says nothing about now.
_GOOD_FOR = timedelta(minutes=15)


class Checked(NamedTuple):
    """`is_about_key`: the provider answered, and refused the platform's key."""

    is_ok: bool
    is_about_key: bool
    latency_ms: int | None
    checked_at: datetime

    @property
    def is_recent(self) -> bool:
        return datetime.now(UTC) - self.checked_at < _GOOD_FOR


class ProviderHealth:
    """The newest check of each provider, by its id; read again every few seconds."""

    def __init__(self) -> None:
        self._found: Mapping[int, Checked] = {}
        self._good_until = 0.0
        self._reading = asyncio.Lock()

    async def latest(self, snapshot: Snapshot) -> Mapping[int, Checked]:
        """Return what is known; while the database is away, what was known."""
        if time.monotonic() >= self._good_until:
            async with self._reading:
                if time.monotonic() >= self._good_until:
                    await self._read(snapshot)
        return self._found

    async def _read(self, snapshot: Snapshot) -> None:
        try:
            self._found = await snapshot.read(_read_checks)
        except ConfigurationUnavailable as error:
            logger.warning("provider checks unreadable", extra={"reason": str(error)})
        self._good_until = time.monotonic() + _KEPT_S


def _read_checks() -> dict[int, Checked]:
    return {
        check.provider_id: Checked(
            check.status == ProviderCheck.Status.OK,
            check.is_about_key,
            check.latency_ms,
            check.checked_at,
        )
        for check in ProviderCheck.objects.latest_of_each()
    }
