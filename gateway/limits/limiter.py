"""Limits over all processes: a request is decided on in one round trip to Redis."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from typing import Final

from gateway.limits.claims import (
    CONCURRENCY,
    UNLIMITED,
    Claim,
    Lease,
    Remaining,
    Verdict,
    lease_for,
    tightest,
)
from gateway.limits.local import CONCURRENCY_RETRY_S, LocalLimits
from gateway.limits.packing import KEY_PREFIX, packed_admission
from gateway.limits.scripts import ADMIT, HEARTBEAT, RENEW, SCRIPTS
from gateway.limits.settlements import Settlements
from gateway.redis.connection import Call, Reply
from gateway.redis.link import ANSWER_SECONDS, RedisLink

__all__ = ["KEY_PREFIX", "Claim", "Lease", "Limiter", "Remaining", "Verdict"]

PROCESSES_KEY = f"{KEY_PREFIX}processes"

# A lease of a killed process is back after LEASE_SECONDS; a living one renews its own.
LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0
HEARTBEAT_SECONDS = 2.0
PROCESS_SECONDS = 10.0


class Limiter:
    """Decides on requests; one per process, made for one event loop.

    Never raises for a Redis that is slow or gone: then this process grants its share of
    each limit, and the verdict says `degraded`.
    """

    def __init__(
        self, url: str, *, processes: int, answer_s: float = ANSWER_SECONDS
    ) -> None:
        self.processes = max(1, processes)
        self.decisions = 0
        self.degraded_decisions = 0
        self.refusals = 0
        self.link: Final = RedisLink(url, SCRIPTS, answer_s=answer_s)
        self._id: Final = uuid.uuid4().hex
        self._local: Final = LocalLimits()
        self._settlements: Final = Settlements(self.link, KEY_PREFIX)
        # Leases that Redis holds for this process, and when each was last renewed.
        self._held: dict[Lease, float] = {}
        self._housekeeping: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Connect; a Redis that is away delays this a little and fails nothing."""
        await self.link.start()
        self._housekeeping = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        """Send the settlements that wait, and take this process out of the count."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._housekeeping
        if self.link.is_up:
            self._settlements.send()
            self._send_heartbeat(lifetime_s=0)
        await self.link.stop()

    async def admit(self, claims: Sequence[Claim], lease_id: str) -> Verdict:
        """Charge all claims, or none and say which one refused."""
        return await self.ask(claims, lease_id).verdict()

    def ask(self, claims: Sequence[Claim], lease_id: str) -> "Asked":
        """Begin to charge all claims, or none; it is on its way to Redis afterwards.

        Whoever asks takes the verdict, or gives it up.
        """
        future: asyncio.Future[Reply] | None = None
        if claims:
            self.decisions += 1
            if self.link.is_up:
                if self._loop is None:
                    # Asking for the loop is a system call before Python 3.12.
                    self._loop = asyncio.get_running_loop()
                future = self._loop.create_future()
                self._send(claims, lease_id, future)
        return Asked(self, claims, lease_id, future)

    def decided(self, claims: Sequence[Claim], lease_id: str, reply: Reply) -> Verdict:
        """Return the verdict that an answer is; without one this process decides."""
        if not claims:
            return UNLIMITED
        if isinstance(reply, list):
            verdict = self._verdict(claims, lease_id, reply)
        else:
            self.degraded_decisions += 1
            verdict = self._local.admit(claims, lease_id, self.processes)
        if not verdict.allowed:
            self.refusals += 1
        return verdict

    def undo(self, claims: Sequence[Claim], lease_id: str, reply: Reply) -> None:
        """Give back what was granted to a request that is not there any more."""
        if not isinstance(reply, list) or reply[0]:
            return
        charged = _charged(claims, reply)
        if (lease := lease_for(charged, lease_id, degraded=False)) is not None:
            corrections = [(claim, -claim.cost) for claim in lease.tokens]
            self._settlements.add(lease_id, lease.concurrency, corrections)

    def settle(self, lease: Lease, actual_tokens: int) -> None:
        """Give back what a request held and charge the tokens it really used.

        Only the first settlement of a lease counts. Sent in the background.
        """
        if lease.settled:
            return
        lease.settled = True
        if lease.concurrency:
            self._local.release(lease)
            self._held.pop(lease, None)
        corrections = [
            (claim, actual_tokens - claim.cost)
            for claim in lease.tokens
            if actual_tokens != claim.cost
        ]
        if lease.degraded:
            for claim, difference in corrections:
                self._local.correct(claim, difference, self.processes)
        elif corrections or lease.concurrency:
            self._settlements.add(lease.id, lease.concurrency, corrections)

    def _send(
        self, claims: Sequence[Claim], lease_id: str, future: asyncio.Future[Reply]
    ) -> None:
        waiter = partial(self._answered, claims, lease_id, future)
        packed, parts = packed_admission(claims, lease_id, int(LEASE_SECONDS * 1000))
        self.link.ask(Call(ADMIT, (), (), waiter, packed, parts))

    def _answered(
        self,
        claims: Sequence[Claim],
        lease_id: str,
        future: asyncio.Future[Reply],
        reply: Reply,
    ) -> None:
        """Hand the answer over; when there is none or nobody to take it, undo it."""
        if not future.done():
            future.set_result(reply)
        elif reply is not None:
            self.undo(claims, lease_id, reply)
        if reply is None:
            # Redis may still get to the call that was given up.
            concurrency = tuple([claim.key for claim in claims if not claim.per_s])
            if concurrency:
                self._settlements.add(lease_id, concurrency, ())

    def _verdict(
        self, claims: Sequence[Claim], lease_id: str, reply: list[int]
    ) -> Verdict:
        states = [(reply[at], reply[at + 1] / 1e6) for at in range(2, len(reply), 2)]
        remaining = tightest(claims, states)
        self._local.learn(claims, states)
        if (number := reply[0]) == 0:
            exceeded: tuple[int, ...] = ()
            if claims[-1].shadow_of:
                charged = _charged(claims, reply)
                exceeded = tuple(c.shadow_of for c in claims if c not in charged)
                claims = charged
            lease = lease_for(claims, lease_id, degraded=False)
            if lease is not None and lease.concurrency:
                self._local.hold(lease)
                self._held[lease] = time.monotonic()
            return Verdict(True, None, 0.0, remaining, lease, False, exceeded)
        refused = claims[number - 1]
        wait_s = reply[1] / 1e6
        if refused.metric == CONCURRENCY:
            wait_s = max(wait_s, CONCURRENCY_RETRY_S)
        return Verdict(False, refused, wait_s, remaining, None, False)

    async def _keep_house(self) -> None:
        while True:
            if self.link.is_up:
                self._send_heartbeat(PROCESS_SECONDS)
                self._renew_leases()
            await asyncio.sleep(HEARTBEAT_SECONDS)

    def _send_heartbeat(self, lifetime_s: float) -> None:
        arguments = (self._id, int(lifetime_s * 1000))
        self.link.tell(Call(HEARTBEAT, (PROCESSES_KEY,), arguments, self._counted))

    def _counted(self, reply: Reply) -> None:
        if isinstance(reply, int):
            self.processes = max(1, reply)

    def _renew_leases(self) -> None:
        now = time.monotonic()
        due = takewhile(
            lambda lease: now - self._held[lease] >= RENEW_SECONDS, self._held
        )
        for lease in list(due):
            # To the end, so that the one renewed longest ago comes first.
            del self._held[lease]
            self._held[lease] = now
            keys = tuple([KEY_PREFIX + key for key in lease.concurrency])
            arguments = (lease.id, int(LEASE_SECONDS * 1000))
            self.link.tell(Call(RENEW, keys, arguments, _ignore))


class Asked:
    """A decision under way: its `verdict` is taken, or given up."""

    __slots__ = ("_claims", "_future", "_lease_id", "_limiter")

    def __init__(
        self,
        limiter: Limiter,
        claims: Sequence[Claim],
        lease_id: str,
        future: asyncio.Future[Reply] | None,
    ) -> None:
        self._limiter = limiter
        self._claims = claims
        self._lease_id = lease_id
        # Without one there is nobody to be waited for.
        self._future = future

    async def verdict(self) -> Verdict:
        reply: Reply = None
        if self._future is not None:
            try:
                reply = await self._future
            except asyncio.CancelledError:
                self.give_up()
                raise
        return self._limiter.decided(self._claims, self._lease_id, reply)

    def give_up(self) -> None:
        """Give back what is granted, or was: the request is not there any more."""
        future = self._future
        if future is not None and not future.cancel() and not future.cancelled():
            self._limiter.undo(self._claims, self._lease_id, future.result())


def _charged(claims: Sequence[Claim], reply: Sequence[int]) -> list[Claim]:
    """Return the claims but for those in shadow mode that would have refused."""
    return [claim for at, claim in enumerate(claims) if reply[2 * at + 2] >= 0]


def _ignore(_reply: Reply) -> None:
    """Nothing depends on this answer."""
