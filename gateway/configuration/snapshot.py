"""The configuration that this process serves from.

The catalog is in memory whole and replaced by reference. Tenants are read on first use.
Both follow what the database announces; while it is away, the last good stays.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from django.db import DatabaseError

from gateway.configuration.catalog_reloads import CatalogReloads, SnapshotFailed
from gateway.configuration.database_threads import ConfigurationUnavailable
from gateway.configuration.end_users_on_demand import EndUsersOnDemand
from gateway.configuration.listener import POLL_S, Change, Listener
from gateway.configuration.records import (
    MISSING,
    Catalog,
    EndUserRecord,
    KeyRecord,
    Missing,
    ProjectRecord,
)
from gateway.configuration.tenants_on_demand import TenantsOnDemand

__all__ = [
    "MISSING",
    "ConfigurationUnavailable",
    "Missing",
    "Snapshot",
    "SnapshotFailed",
]

T = TypeVar("T")

# A tenant that changed together with the catalog waits for it, but not for long.
_TOGETHER_S = 0.5
# How many keys a process that starts knows already, and how long it may look for them.
_RECALLED_KEYS = 100
_RECALL_S = 1.0


class Snapshot:
    """Belongs to one event loop: made, started, used and stopped in it."""

    def __init__(
        self,
        *,
        max_keys: int = 50_000,
        max_projects: int = 20_000,
        max_end_users: int = 50_000,
        poll_s: float = POLL_S,
    ) -> None:
        self.catalog = Catalog()
        self.version = 0
        self.stale_since: float | None = None
        self._tenants = TenantsOnDemand(max_keys, max_projects)
        self._end_users = EndUsersOnDemand(
            self._tenants.read, max_end_users, max_projects
        )
        self._reloads = CatalogReloads(self._swap)
        self._listener = Listener(self, poll_s=poll_s)
        self._tasks: list[asyncio.Task[None]] = []
        self._postponed: list[Collection[int] | None] = []

    @property
    def loaded_at(self) -> float:
        """When the catalog was read, in epoch seconds; 0.0 before the first time."""
        return self.catalog.loaded_at

    @property
    def is_ready(self) -> bool:
        """Whether there is a catalog to serve from."""
        return self.catalog.loaded_at > 0

    @property
    def is_stale(self) -> bool:
        """Whether the database is out of reach, so that changes go unseen."""
        return self.stale_since is not None

    @property
    def key_count(self) -> int:
        return len(self._tenants)

    @property
    def end_user_count(self) -> int:
        return len(self._end_users)

    @property
    def project_count(self) -> int:
        return self._tenants.project_count

    async def start(self) -> None:
        """Load the catalog and follow its changes.

        Returns without a catalog when the database is away, and goes on trying;
        `SnapshotFailed` when that would not help.
        """
        self._tasks = [
            asyncio.create_task(self._listener.run(), name="snapshot listener"),
            asyncio.create_task(self._reloads.run(), name="catalog reloads"),
        ]
        try:
            await self._reloads.first_outcome()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._end_users.stop()
        await self._tenants.stop()
        await self._reloads.stop()

    def known_key(self, key_id: str) -> KeyRecord | Missing | None:
        """Return what memory holds: the key, MISSING when there is none, or None."""
        return self._tenants.known(key_id)

    async def load_key(self, key_id: str) -> KeyRecord | None:
        """Return the key from the database; None when there is none that works.

        `ConfigurationUnavailable` when that cannot be found out.
        """
        key = await self._tenants.load(key_id)
        if key is not None and self._is_ahead_of_catalog(key.project):
            await self._reloads.settled(_TOGETHER_S)
        return key

    async def recall_keys(self) -> None:
        """Read the keys that were used last, so that their requests need not wait for it.

        A database that is away, or slow, is left alone.
        """
        with contextlib.suppress(ConfigurationUnavailable, DatabaseError, TimeoutError):
            async with asyncio.timeout(_RECALL_S):
                await self._tenants.recall(_RECALLED_KEYS)

    def known_end_user(
        self, project_id: int, name: str
    ) -> EndUserRecord | Missing | None:
        """Return what memory holds: the user, MISSING when there is none, or None."""
        return self._end_users.known(project_id, name)

    async def load_end_user(
        self, project_id: int, name: str
    ) -> EndUserRecord | Missing:
        """Return the user from the database; MISSING when there is none of that name.

        `ConfigurationUnavailable` when that cannot be found out.
        """
        return await self._end_users.load(project_id, name)

    async def read(self, function: Callable[[], T]) -> T:
        """Return what the function reads from the database, outside the event loop.

        Raises `ConfigurationUnavailable`.
        """
        return await self._tenants.read(function)

    def evict_projects(self, project_ids: Collection[int]) -> None:
        self._tenants.evict(project_ids)

    def changed(self, change: Change) -> None:
        self.version = max(self.version, change.version)
        if change.catalog:
            self._reloads.request()
        if change.end_users is None:
            if change.projects is None:
                self._end_users.evict_all()
            else:
                self._end_users.evict_projects(change.projects)
        elif change.end_users:
            self._end_users.evict(change.end_users)
        if change.projects is None or change.projects:
            self._postponed.append(change.projects)
            if self._reloads.is_pending:
                loop = asyncio.get_running_loop()
                loop.call_later(_TOGETHER_S, self._evict_postponed)
            else:
                self._evict_postponed()

    def changes_missed(self, version: int) -> None:
        self.version = version
        self._tenants.doubt_all()
        self._end_users.doubt_all()
        self._reloads.request()

    def database_lost(self) -> None:
        self._tenants.database_is_away = True
        if self.stale_since is None:
            self.stale_since = time.time()
        if not self.is_ready:
            self._reloads.request()

    def database_found(self) -> None:
        self._tenants.database_is_away = False
        self.stale_since = None

    def _swap(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.version = max(self.version, catalog.version)
        self._evict_postponed()

    def _evict_postponed(self) -> None:
        postponed, self._postponed = self._postponed, []
        for project_ids in postponed:
            if project_ids is None:
                self._tenants.evict_all()
            else:
                self._tenants.evict(project_ids)

    def _is_ahead_of_catalog(self, project: ProjectRecord) -> bool:
        """Tell whether a project refers to models that are about to be loaded."""
        if self.is_stale or not self._reloads.is_pending:
            return False
        own = project.own_models or ()
        return any(
            target.model_id is not None
            and target.model_id not in self.catalog.models
            and target.model_id not in own
            for alias in project.aliases_by_pk.values()
            for target in alias.targets
        )
