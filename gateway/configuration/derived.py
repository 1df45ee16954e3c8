"""What is worked out of records once, and kept for as long as it is asked for."""

import time
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_TURN_S = 10.0


class Derived(Generic[K, V]):
    """Values by key; a key may hold the identity of records that the value keeps alive.

    Records are built anew when the configuration changes, and nobody says of the old ones
    that they are not needed any more: what is not asked for during a turn or two is
    forgotten, and holds no former configuration in memory. A turn ends only when something
    new is put in. There is room for twice `most`.
    """

    __slots__ = ("_most", "_older", "_recent", "_turned_at")

    def __init__(self, most: int) -> None:
        self._most = most
        self._recent: dict[K, V] = {}
        self._older: dict[K, V] = {}
        self._turned_at = time.monotonic()

    def __len__(self) -> int:
        return len(self._recent) + len(self._older)

    def get(self, key: K) -> V | None:
        found = self._recent.get(key)
        if found is None and key in self._older:
            found = self._older.pop(key)
            self.put(key, found)
        return found

    def put(self, key: K, value: V) -> None:
        now = time.monotonic()
        if now - self._turned_at > _TURN_S or len(self._recent) >= self._most:
            self._older, self._recent = self._recent, {}
            self._turned_at = now
        self._recent[key] = value
