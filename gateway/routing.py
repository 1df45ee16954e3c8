"""In which order the candidates of a request are asked."""

import logging
import math
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Final

from catalog.protocols import Operation
from gateway.candidates import Candidate, Candidates
from gateway.selection.estimates import expected_output
from gateway.selection.observations import OBSERVATIONS
from gateway.selection.prompt_affinity import PromptAffinity
from gateway.selection.text_tokens import family_factor
from gateway.types import InferenceRequest
from usage.costs import cost_of
from usage.tokens import Tokens

logger = logging.getLogger(__name__)

Score = Decimal | float
Strategy = Callable[[Candidate, InferenceRequest, Candidates], Score]

_UNKNOWN = float("inf")
# How often the fastest strategy asks another one first, to learn how it is doing.
_EXPLORED = 0.02
# How much worse than the best a target may be that holds the conversation's prompt.
_NEARLY = 1.2
_HASHES: Final = 2.0**64

# Why another one goes first than the strategy would choose.
EXPLORED: Final = "explored"
PROMPT_HELD: Final = "prompt_held"


def _by_priority(
    candidate: Candidate, request: InferenceRequest, candidates: Candidates
) -> Score:
    return candidate.priority


def _as_named(
    candidate: Candidate, request: InferenceRequest, candidates: Candidates
) -> Score:
    """Leave them in the order in which they are named."""
    return 0


def _by_cost(
    candidate: Candidate, request: InferenceRequest, candidates: Candidates
) -> Score:
    """Return what the request is expected to cost; what has no price sorts last."""
    model = candidate.model
    if request.units:
        used = Tokens(other=dict(request.units))
        cost = cost_of(used, candidate.prices)
        if cost is not None:
            return cost.usd
    sent = round(candidates.input_tokens * family_factor(model.model_id))
    cost = cost_of(
        Tokens(input=sent, output=expected_output(request, model)), candidate.prices
    )
    return _UNKNOWN if cost is None else cost.usd


def _by_latency(
    candidate: Candidate, request: InferenceRequest, candidates: Candidates
) -> Score:
    """Return how long the answer is expected to take, as seen lately, else as said."""
    model = candidate.model
    seen = OBSERVATIONS.of(model.name)
    if seen is not None:
        return seen.ms_for(expected_output(request, model))
    expected = model.expected_latency_ms
    return _UNKNOWN if expected is None else expected


def _by_weight(
    candidate: Candidate, request: InferenceRequest, candidates: Candidates
) -> Score:
    """Draw lots, so that each comes first as often as its weight says.

    Where that is sticky the lot depends on the end user alone, on every process; when a
    target goes, only its own users get another.
    """
    weight = candidate.weight
    if weight <= 0:
        return _UNKNOWN
    user = request.attribution.end_user
    if not candidates.is_sticky or not user:
        return random.expovariate(weight)  # Fairness, not secrecy.
    lot = f"{candidates.alias}\0{user}\0{candidate.model.name}".encode()
    drawn = int.from_bytes(blake2b(lot, digest_size=8).digest(), "big")
    return -math.log((drawn + 1) / (_HASHES + 1)) / weight


STRATEGIES: dict[str, Strategy] = {
    "priority": _by_priority,
    "specified": _as_named,
    "cheapest": _by_cost,
    "price": _by_cost,
    "fastest": _by_latency,
    "latency": _by_latency,
    "weighted": _by_weight,
}
_MEASURED = frozenset({_by_cost, _by_latency})


def plan_route(
    candidates: Candidates,
    request: InferenceRequest,
    affinity: PromptAffinity | None = None,
    *,
    explores: bool = True,
) -> list[Candidate]:
    """Return the candidates, best first; now and then another, where that `explores`.

    The names that the request gives are worked off one after the other, and for each
    the providers that it prefers go first, then the one that its end user prefers.
    Candidates that a strategy cannot tell apart stay in the order the catalog lists
    them.
    """
    able = candidates.able
    if len(able) > 1:
        able = _in_order(candidates, request, affinity, explores=explores)
        if request.operation == Operation.EMBEDDINGS and not request.models:
            able = _of_one_model(able)
    return able if request.preferences.allow_fallbacks else able[:1]


def _of_one_model(able: list[Candidate]) -> list[Candidate]:
    """Return those that run the first one's model: vectors of others do not compare."""
    model = _bare_name(able[0])
    return [candidate for candidate in able if _bare_name(candidate) == model]


def _bare_name(candidate: Candidate) -> str:
    return candidate.model.model_id.rpartition("/")[2].lower()


def log_route(
    request_id: str, candidates: Candidates, route: Sequence[Candidate]
) -> None:
    """Tell who looks closely what was decided; of the request itself nothing is told."""
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug(
            "routed",
            extra={
                "request_id": request_id,
                "alias": candidates.alias,
                "strategy": candidates.strategy,
                **candidates.decision(list(route)),
            },
        )


# Turn, rank of the provider, score and place in the catalog.
_Rank = tuple[int, int, Score, int]


def _in_order(
    candidates: Candidates,
    request: InferenceRequest,
    affinity: PromptAffinity | None,
    *,
    explores: bool,
) -> list[Candidate]:
    able = candidates.able
    strategy = STRATEGIES[candidates.strategy]
    preferred = request.preferences.order
    places = {slug: at for at, slug in enumerate(preferred)}
    if request.end_user is not None and request.end_user.preferred_provider:
        places.setdefault(request.end_user.preferred_provider, len(places))
    last = len(places)
    ranks: list[_Rank] = sorted(
        (
            each.turn,
            places.get(each.model.provider.slug, last) if places else 0,
            strategy(each, request, candidates),
            at,
        )
        for at, each in enumerate(able)
    )
    first, reason = ranks[0], ""
    if explores and strategy is _by_latency and random.random() < _EXPLORED:  # noqa: S311
        _explore(ranks)
        reason = EXPLORED
    elif affinity is not None and (held_by := affinity.target_of(request, candidates)):
        _prefer(held_by, ranks, able, is_drawn=strategy is _by_weight)
        reason = PROMPT_HELD
    if ranks[0] is not first:
        candidates.moved = reason
    if strategy in _MEASURED:
        candidates.scores = [_shown(rank[2]) for rank in ranks]
    return [able[rank[3]] for rank in ranks]


def _explore(ranks: list[_Rank]) -> None:
    """Ask one of the others first that are asked in the same turn."""
    alike = [at for at, rank in enumerate(ranks) if rank[:2] == ranks[0][:2]]
    chosen = random.choice(alike)  # noqa: S311
    ranks.insert(0, ranks.pop(chosen))


def _prefer(
    name: str, ranks: list[_Rank], able: Sequence[Candidate], *, is_drawn: bool
) -> None:
    """Put the target that holds the prompt first, where that is about as good."""
    best = ranks[0]
    for at, rank in enumerate(ranks):
        if able[rank[3]].model.name != name:
            continue
        if rank[:2] == best[:2] and (is_drawn or _is_near(rank[2], best[2])):
            ranks.insert(0, ranks.pop(at))
        return


def _is_near(score: Score, best: Score) -> bool:
    return score == best or float(score) <= float(best) * _NEARLY


def _shown(score: Score) -> float | None:
    """Return a score short enough to be kept with every event."""
    number = float(score)
    return None if number == _UNKNOWN else float(f"{number:.4g}")
