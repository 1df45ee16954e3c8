"""What this process has counted: plain numbers, because every request passes here."""

from bisect import bisect_left

OVERHEAD_BOUNDS_S = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0)
UPSTREAM_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Histogram:
    """How many values were up to each bound; the last count is of those above all."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value


class Counts:
    """Belongs to the thread of the event loop, as all that counts runs there."""

    def __init__(self) -> None:
        self.requests: dict[int, int] = {}
        self.attempts: dict[tuple[str, str], int] = {}
        self.overhead = Histogram(OVERHEAD_BOUNDS_S)
        self.upstream: dict[str, Histogram] = {}

    def request(self, status: int, overhead_ms: float | None) -> None:
        """Count a reply; refusals have no overhead to tell apart from their answer."""
        self.requests[status] = self.requests.get(status, 0) + 1
        if overhead_ms is not None:
            self.overhead.observe(overhead_ms / 1000)

    def attempt(self, provider: str, outcome: str, latency_ms: float) -> None:
        """Count a settled attempt; only those that went well are timed."""
        key = (provider, outcome)
        self.attempts[key] = self.attempts.get(key, 0) + 1
        if outcome == "ok":
            timed = self.upstream.get(provider)
            if timed is None:
                timed = self.upstream[provider] = Histogram(UPSTREAM_BOUNDS_S)
            timed.observe(latency_ms / 1000)


COUNTS = Counts()
