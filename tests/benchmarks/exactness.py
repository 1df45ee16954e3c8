"""Whether every answered request became a usage event, and how soon."""

import time
from dataclasses import dataclass

from tests.benchmarks.systems import Storage, System

PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Exactness:
    """Counts taken after the load.

    When wrk stops it hangs up on the requests that are under way: those were begun
    upstream perhaps, and are events perhaps, but at most one for each connection.
    """

    answered: int
    hung_up: int
    upstream: int
    events: int
    well: int
    failed: int
    caught_up_seconds: float

    @property
    def is_exact(self) -> bool:
        return (
            self.failed == 0
            and self.answered <= self.well
            and self.upstream <= self.events <= self.answered + self.hung_up
        )

    def lines(self) -> list[str]:
        return [
            f"{self.answered:,} requests answered",
            f"up to {self.hung_up:,} more under way when wrk hung up",
            f"{self.upstream:,} answers begun by the upstream",
            f"{self.events:,} usage events: {self.well:,} ok, {self.failed:,} failed",
            f"all of them in PostgreSQL {self.caught_up_seconds:.1f} s after the load",
            f"exact: {'yes' if self.is_exact else 'NO'}",
        ]


def verify(system: System, store: Storage, upstream: int) -> Exactness:
    """Wait until the events of all requests are there, then count."""
    started = changed = time.monotonic()
    count = -1
    while time.monotonic() < started + PATIENCE_SECONDS:
        before, count = count, store.count()
        if count != before:
            changed = time.monotonic()
        elif count >= max(upstream, system.answered):
            break
        time.sleep(0.2)
    return Exactness(
        answered=system.answered,
        hung_up=system.connections,
        upstream=upstream,
        events=store.count(),
        well=store.count("status = 'ok'"),
        failed=store.count("status NOT IN ('ok', 'cancelled')"),
        caught_up_seconds=changed - started,
    )
