"""Limits decided by one process alone, for as long as Redis does not answer.

Each process grants its share of a limit: the amount divided by the live processes.
"""

import time
from collections.abc import Callable, Sequence

from gateway.limits.claims import Claim, Lease, Verdict, lease_for, tightest

CONCURRENCY_RETRY_S = 1.0

_SWEEP_ABOVE = 10_000


class LocalLimits:
    """GCRA buckets and counts of running requests in the memory of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # When all of a limit is back.
        self._full_at: dict[str, float] = {}
        self._running: dict[str, int] = {}
        self._sweep_above = _SWEEP_ABOVE

    def learn(
        self, claims: Sequence[Claim], states: Sequence[tuple[int, float]]
    ) -> None:
        """Remember what Redis said, so that its loss is not a fresh start."""
        now = self._clock()
        for claim, (_, reset_s) in zip(claims, states, strict=True):
            if claim.per_s:
                self._full_at[claim.key] = now + reset_s
        self._bound(now)

    def hold(self, lease: Lease) -> None:
        """Count a running request, whoever admitted it."""
        for key in lease.concurrency:
            self._running[key] = self._running.get(key, 0) + 1

    def release(self, lease: Lease) -> None:
        """Stop counting a request that `hold` counted."""
        for key in lease.concurrency:
            running = self._running.get(key, 0)
            if running > 1:
                self._running[key] = running - 1
            else:
                self._running.pop(key, None)

    def admit(self, claims: Sequence[Claim], lease_id: str, processes: int) -> Verdict:
        """Decide as Redis would, with this process's share of each limit."""
        now = self._clock()
        refused: Claim | None = None
        wait_s = 0.0
        exceeded: list[Claim] = []
        for claim in claims:
            over_s = self._over(claim, now, processes)
            if over_s > 0 and claim.shadow_of:
                exceeded.append(claim)
            elif over_s > 0:
                refused = refused or claim
                wait_s = max(wait_s, over_s)
        lease: Lease | None = None
        if refused is None:
            charged = claims
            if exceeded:
                charged = [claim for claim in claims if claim not in exceeded]
            for claim in charged:
                if claim.per_s:
                    self._charge(claim, claim.cost, now, processes)
            lease = lease_for(charged, lease_id, degraded=True)
            if lease is not None:
                self.hold(lease)
        states = [self._state(claim, now, processes) for claim in claims]
        return Verdict(
            allowed=refused is None,
            refused=refused,
            retry_after_s=wait_s,
            remaining=tightest(claims, states),
            lease=lease,
            degraded=True,
            exceeded=()
            if refused is not None
            else tuple(claim.shadow_of for claim in exceeded),
        )

    def correct(self, claim: Claim, difference: int, processes: int) -> None:
        """Charge the difference between what was claimed and what was used."""
        self._charge(claim, difference, self._clock(), processes)

    def _over(self, claim: Claim, now: float, processes: int) -> float:
        """Return the seconds until the claim fits, 0 or less when it does."""
        if not claim.per_s:
            share = max(1, claim.amount // processes)
            full = self._running.get(claim.key, 0) >= share
            return CONCURRENCY_RETRY_S if full else 0.0
        full_at = max(now, self._full_at.get(claim.key, now))
        cost_s = claim.cost * _seconds_per_unit(claim, processes)
        # A share smaller than one request still lets one pass when the bucket is full.
        return full_at - now + cost_s - max(claim.per_s, cost_s) - 1e-6

    def _charge(self, claim: Claim, cost: int, now: float, processes: int) -> None:
        full_at = max(now, self._full_at.get(claim.key, now))
        full_at += cost * _seconds_per_unit(claim, processes)
        if full_at > now:
            self._full_at[claim.key] = full_at
            self._bound(now)
        else:
            self._full_at.pop(claim.key, None)

    def _state(self, claim: Claim, now: float, processes: int) -> tuple[int, float]:
        if not claim.per_s:
            return 0, 0.0
        reset_s = max(0.0, self._full_at.get(claim.key, now) - now)
        left = (claim.per_s + 1e-6 - reset_s) / _seconds_per_unit(claim, processes)
        return max(0, int(left)), reset_s

    def _bound(self, now: float) -> None:
        """Forget full buckets when there are many; next time when twice as many are."""
        if len(self._full_at) <= self._sweep_above:
            return
        self._full_at = {key: at for key, at in self._full_at.items() if at > now}
        self._sweep_above = max(_SWEEP_ABOVE, 2 * len(self._full_at))


def _seconds_per_unit(claim: Claim, processes: int) -> float:
    return claim.per_s * processes / claim.amount
