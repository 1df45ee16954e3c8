"""Those who ask what is being asked already wait for the first one's answer."""

import asyncio
import contextlib

from gateway.cache.entries import Entry


class Flight:
    """One question under way. It lands once: with an entry, or with None."""

    __slots__ = ("_flights", "_key", "_landed")

    def __init__(self, flights: "Flights", key: str) -> None:
        self._flights = flights
        self._key = key
        self._landed: asyncio.Future[Entry | None] = (
            asyncio.get_running_loop().create_future()
        )

    def land(self, entry: Entry | None) -> None:
        """Tell all who wait. None: there is nothing to share, another may try."""
        if not self._landed.done():
            self._flights.leave(self._key, self)
            self._landed.set_result(entry)

    async def landing(self, seconds: float) -> Entry | None:
        """Return what came of it; raises `TimeoutError` when that takes too long."""
        async with asyncio.timeout(seconds):
            return await asyncio.shield(self._landed)


class Flights:
    """The questions of this process that are under way, by key."""

    def __init__(self) -> None:
        self._by_key: dict[str, Flight] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def current(self, key: str) -> Flight | None:
        return self._by_key.get(key)

    def begin(self, key: str) -> Flight:
        flight = self._by_key[key] = Flight(self, key)
        return flight

    def leave(self, key: str, flight: Flight) -> None:
        with contextlib.suppress(KeyError):
            if self._by_key[key] is flight:
                del self._by_key[key]
