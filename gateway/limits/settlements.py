"""What requests give back to their limits, summed up and sent a few times in a second."""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial

from gateway.limits.claims import Claim
from gateway.limits.scripts import SETTLE
from gateway.redis.connection import Call, Reply
from gateway.redis.link import RedisLink

SEND_SECONDS = 0.01
_MAX_PER_CALL = 100
_MAX_WAITING = 10_000

# Key, amount, seconds (0 for concurrency), and a correction or the id of a lease.
_Item = tuple[str, int, int, float | str]


class Settlements:
    """Corrections of one limit are added up; the end of each lease is told apart."""

    def __init__(self, link: RedisLink, prefix: str) -> None:
        self._link = link
        self._prefix = prefix
        # Past the bound the oldest are left to expire by themselves.
        self._ended: deque[tuple[str, str]] = deque(maxlen=_MAX_WAITING)
        self._corrections: dict[str, tuple[int, int, int]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self,
        lease_id: str,
        concurrency: Sequence[str],
        corrections: Sequence[tuple[Claim, int]],
    ) -> None:
        """Note the end of a lease, and by how much its estimates were wrong."""
        for key in concurrency:
            self._ended.append((key, lease_id))
        for claim, difference in corrections:
            known = self._corrections.get(claim.key)
            if known is not None:
                difference += known[2]
            elif len(self._corrections) >= _MAX_WAITING:
                continue
            self._corrections[claim.key] = (claim.amount, claim.per_s, difference)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SEND_SECONDS, self.send)

    def __len__(self) -> int:
        return len(self._ended) + len(self._corrections)

    def send(self) -> None:
        """Hand over what has come together; one call holds keys of one hash slot."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        items: list[_Item] = [(key, 0, 0, lease_id) for key, lease_id in self._ended]
        items += [
            (key, amount, per_s, difference)
            for key, (amount, per_s, difference) in self._corrections.items()
            if difference
        ]
        self._ended.clear()
        self._corrections.clear()
        by_slot: dict[str, list[_Item]] = {}
        for item in items:
            by_slot.setdefault(item[0].partition("}")[0], []).append(item)
        for found in by_slot.values():
            for start in range(0, len(found), _MAX_PER_CALL):
                self._tell(found[start : start + _MAX_PER_CALL])

    def _tell(self, items: Sequence[_Item]) -> None:
        keys = tuple([self._prefix + key for key, *_ in items])
        arguments: list[str | int] = []
        for _, amount, per_s, what in items:
            arguments += (amount, per_s, str(what))
        ended = [(key, str(what)) for key, _, per_s, what in items if not per_s]
        waiter = partial(self._told, ended)
        self._link.tell(Call(SETTLE, keys, tuple(arguments), waiter))

    def _told(self, ended: Sequence[tuple[str, str]], reply: Reply) -> None:
        """Repeat the ends that got no answer; a correction might count twice."""
        if reply is None:
            for key, lease_id in ended:
                self.add(lease_id, (key,), ())
