"""What this process has counted: plain numbers, because every request passes here."""

from bisect import bisect_left
from decimal import Decimal

from usage.costs import Cost
from usage.tokens import Tokens

OVERHEAD_BOUNDS_S = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 1.0)
UPSTREAM_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
FIRST_TOKEN_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
# Tenants may bring models of their own; so many are told apart.
_MAX_MODELS = 1_000
_OTHERS = ("other", "other")


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


class Used:
    """What one model has used and cost. Attempts of unknown cost are counted apart."""

    __slots__ = ("cache_read", "cost_usd", "input", "output", "unpriced")

    def __init__(self) -> None:
        self.input = 0
        self.cache_read = 0
        self.output = 0
        self.cost_usd = Decimal(0)
        self.unpriced = 0


class Counts:
    """Belongs to the thread of the event loop, as all that counts runs there."""

    def __init__(self) -> None:
        self.requests: dict[int, int] = {}
        self.attempts: dict[tuple[str, str], int] = {}
        self.overhead = Histogram(OVERHEAD_BOUNDS_S)
        self.upstream: dict[str, Histogram] = {}
        self.first_token: dict[str, Histogram] = {}
        self.used: dict[tuple[str, str], Used] = {}

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

    def use(
        self,
        provider: str,
        model: str,
        tokens: Tokens,
        cost: Cost | None,
        first_ms: float | None,
    ) -> None:
        """Count what a settled attempt used, as the provider told or as estimated."""
        used = self.used.get((provider, model))
        if used is None:
            used = self._used_by(provider, model)
        used.input += tokens.input
        used.cache_read += tokens.cache_read
        used.output += tokens.output
        if cost is None:
            used.unpriced += 1
        else:
            used.cost_usd += cost.usd
        if first_ms is not None:
            timed = self.first_token.get(provider)
            if timed is None:
                timed = self.first_token[provider] = Histogram(FIRST_TOKEN_BOUNDS_S)
            timed.observe(first_ms / 1000)

    def _used_by(self, provider: str, model: str) -> Used:
        if len(self.used) >= _MAX_MODELS:
            return self.used.setdefault(_OTHERS, Used())
        return self.used.setdefault((provider, model), Used())


COUNTS = Counts()
