"""How often one address may present keys that are wrong.

Kept in the memory of the process, so that it costs no round trip and works in any outage.
A key that was good before is not held up, whoever else guesses at the same address.
"""

import threading
import time
from collections import OrderedDict
from ipaddress import IPv6Address, IPv6Network

from django.conf import settings

from tenants.networks import client_address

_MAX_ORIGINS = 10_000
_MAX_RECOGNIZED = 20_000
_MINUTE = 60.0
# What one customer of a provider of internet access has, at least.
_PREFIX = 64


class FailedAttempts:
    """Counts failures of each origin; they fade at the rate that is allowed.

    The origin that failed longest ago is forgotten when there are too many.
    """

    def __init__(self, most: int, period_s: float = _MINUTE) -> None:
        self._most = most
        self._per_s = most / period_s
        self._failures: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._recognized: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._failures)

    def wait_s(self, origin: str, digest: bytes = b"") -> float:
        """Return how long to wait before this origin may try this key; 0: not at all."""
        if origin not in self._failures or digest in self._recognized:
            return 0.0
        with self._lock:
            excess = self._level(origin, time.monotonic()) - (self._most - 1)
        return max(0.0, excess / self._per_s)

    def note(self, origin: str) -> None:
        """Count a failure."""
        if self._most <= 0:
            return
        now = time.monotonic()
        with self._lock:
            level = min(self._level(origin, now) + 1, self._most)
            self._failures[origin] = (level, now)
            self._failures.move_to_end(origin)
            if len(self._failures) > _MAX_ORIGINS:
                self._failures.popitem(last=False)

    def recognize(self, digest: bytes) -> None:
        """Remember a key that is good."""
        with self._lock:
            self._recognized[digest] = None
            self._recognized.move_to_end(digest)
            if len(self._recognized) > _MAX_RECOGNIZED:
                self._recognized.popitem(last=False)

    def _level(self, origin: str, now: float) -> float:
        level, at = self._failures.get(origin, (0.0, now))
        return max(0.0, level - (now - at) * self._per_s)


def origin_of(peer: str, forwarded: str) -> str:
    """Return where a request comes from: an address, or a network of IPv6."""
    address = client_address(peer, forwarded, settings.TRUSTED_PROXIES)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, _PREFIX), strict=False))
    return str(address or "unknown")


FAILED_KEYS = FailedAttempts(settings.FAILED_KEYS_PER_MINUTE)
