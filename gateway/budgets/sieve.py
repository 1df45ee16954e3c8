"""Which candidates are too dear for what is left of the budgets."""

import time
from collections.abc import Callable, Iterable

from gateway.budgets.amounts import Bounds, bounds_of, close_bounds_of
from gateway.budgets.holdings import Holding
from gateway.candidates import Candidate, Candidates, Dropped
from gateway.types import InferenceRequest

HARD = "hard"
_TOO_DEAR = ("budget", "what is left of the budget does not cover it")
# What was heard of a budget so long ago says nothing any more.
_HEARSAY_SECONDS = 5.0

Sieve = Callable[[Candidates], None]


def sift(
    found: Candidates,
    request: InferenceRequest,
    input_tokens: int,
    holdings: Iterable[Holding],
) -> None:
    """Drop those that are too dear for what is left, if others are not."""
    if len(found.able) < 2 or (left := _left(holdings)) is None:
        return
    dear = {
        at
        for at, candidate in enumerate(found.able)
        if _least(request, candidate, input_tokens, left) > left
    }
    if not 0 < len(dear) < len(found.able):
        return
    kept = [at for at in range(len(found.able)) if at not in dear]
    found.dropped += [Dropped(found.able[at].model.name, *_TOO_DEAR) for at in dear]
    found.doubts = {
        place: found.doubts[at] for place, at in enumerate(kept) if at in found.doubts
    }
    found.able = [found.able[at] for at in kept]


def closer_bounds(
    bounds: Bounds, request: InferenceRequest, candidate: Candidate
) -> Bounds:
    closer = close_bounds_of(request, candidate)
    return bounds if closer is None or closer.most > bounds.most else closer


def _least(
    request: InferenceRequest, candidate: Candidate, input_tokens: int, left: int
) -> int:
    bounds = bounds_of(request, candidate, input_tokens)
    if bounds.least > left:
        bounds = closer_bounds(bounds, request, candidate)
    return bounds.least


def _left(holdings: Iterable[Holding]) -> int | None:
    """Return the least that is left of any; None when that is not known."""
    now = time.monotonic()
    left = [
        holding.available + holding.free
        for holding in holdings
        if holding.budget.mode == HARD
        and holding.window
        and now - holding.seen_at < _HEARSAY_SECONDS
    ]
    return min(left, default=None)
