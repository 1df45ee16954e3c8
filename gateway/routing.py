"""In which order the candidates of a request are asked."""

import random
from collections.abc import Callable
from decimal import Decimal

from gateway.candidates import Candidate, Candidates
from gateway.types import ProviderPreferences

_UNKNOWN = float("inf")

# How a chat request usually divides its tokens, to compare prices before the call.
_TYPICAL_INPUT = 3
_TYPICAL_OUTPUT = 1


def _by_priority(candidate: Candidate) -> float:
    return candidate.priority


def _by_cost(candidate: Candidate) -> Decimal | float:
    """Return what a typical request costs; what has no price sorts last."""
    if candidate.prices is None:
        return _UNKNOWN
    rates = candidate.prices.tiers[-1].rates
    rate_in, rate_out = rates.get("input"), rates.get("output")
    if rate_in is None or rate_out is None:
        return _UNKNOWN
    return rate_in.usd * _TYPICAL_INPUT + rate_out.usd * _TYPICAL_OUTPUT


def _by_latency(candidate: Candidate) -> float:
    expected = candidate.model.expected_latency_ms
    return _UNKNOWN if expected is None else expected


def _by_weight(candidate: Candidate) -> float:
    """Draw lots, so that each comes first as often as its weight says."""
    if candidate.weight <= 0:
        return _UNKNOWN
    return random.expovariate(candidate.weight)  # Fairness, not secrecy.


def _turn(candidate: Candidate) -> int:
    return candidate.turn


STRATEGIES: dict[str, Callable[[Candidate], Decimal | float]] = {
    "priority": _by_priority,
    "cheapest": _by_cost,
    "price": _by_cost,
    "fastest": _by_latency,
    "latency": _by_latency,
    "weighted": _by_weight,
}


def plan_route(
    candidates: Candidates, preferences: ProviderPreferences
) -> list[Candidate]:
    """Return the candidates, best first.

    Python's sort is stable, so candidates that a strategy cannot tell apart stay in
    the order the catalog lists them.
    """
    able = candidates.able
    if len(able) > 1:
        able = sorted(able, key=STRATEGIES[candidates.strategy])
        if preferences.order:
            rank = {slug: at for at, slug in enumerate(preferences.order)}
            able.sort(key=lambda c: rank.get(c.model.provider.slug, len(rank)))
        able.sort(key=_turn)
    return able if preferences.allow_fallbacks else able[:1]
