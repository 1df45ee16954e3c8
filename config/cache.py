"""Django's cache: in Redis, and in the memory of the process while Redis is away.

Attempts to sign in are counted there, so it has to count in an outage as well.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

T = TypeVar("T")

# A Redis that did not answer is asked again only after a while.
_AWAY_S = 5.0
_MAX_ENTRIES = 10_000
# Until when, for each server: a cache is made anew for each thread.
_away_until: dict[str, float] = {}


class LastingCache(BaseCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        self._server = server
        self._redis = RedisCache(server, params)
        own = {**params, "OPTIONS": {"MAX_ENTRIES": _MAX_ENTRIES}}
        self._own = LocMemCache(f"instead of {server}", own)

    def add(
        self,
        key: Any,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        return self._ask(lambda cache: cache.add(key, value, timeout, version))

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self._ask(lambda cache: cache.get(key, default, version))

    def set(
        self,
        key: Any,
        value: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        self._ask(lambda cache: cache.set(key, value, timeout, version))

    def touch(
        self,
        key: Any,
        timeout: float | None = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        return self._ask(lambda cache: cache.touch(key, timeout, version))

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._ask(lambda cache: cache.delete(key, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        return self._ask(lambda cache: cache.has_key(key, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        return self._ask(lambda cache: cache.incr(key, delta, version))

    def clear(self) -> None:
        self._own.clear()
        self._ask(lambda cache: cache.clear())

    def _ask(self, question: Callable[[BaseCache], T]) -> T:
        if time.monotonic() >= _away_until.get(self._server, 0.0):
            try:
                return question(self._redis)
            except RedisError:
                _away_until[self._server] = time.monotonic() + _AWAY_S
        return question(self._own)
