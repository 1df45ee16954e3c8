"""What would become of a request, without asking anybody."""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal

from gateway.candidates import (
    Candidate,
    Candidates,
    all_candidates_for,
    name_of,
    names_of,
    refusal_of,
)
from gateway.configuration.model_names import in_service
from gateway.configuration.records import Catalog, ModelRecord, ProjectRecord
from gateway.resilience.standings import Standings
from gateway.routing import plan_route
from gateway.selection.choices import models_named_by
from gateway.selection.estimates import Estimate, estimate_for, read_all_input
from gateway.selection.observations import OBSERVATIONS
from gateway.selection.prompt_affinity import PromptAffinity
from gateway.types import JSON, InferenceRequest

_ORDER = {"ready": 0, "last": 1, "not now": 2}
_MILLION = 1_000_000

Health = Callable[[Candidate], JSON]


def health_from(standings: Standings) -> Health:
    """Return what tells how each target is doing, as this process has seen it."""

    def health(candidate: Candidate) -> JSON:
        standing, now = standings.of(candidate), time.monotonic()
        readiness = standings.readiness(candidate, now)
        told: JSON = {
            "breaker": standing.breaker.state,
            "readiness": readiness,
            "running": standing.running,
        }
        if readiness == "not now":
            told["reason"] = standings.why_not(candidate, now).message
        if (caps := standings.caps.of(candidate.credential)) is not None:
            told["caps"] = caps.told(now)
        return told

    return health


def explain(
    request: InferenceRequest,
    project: ProjectRecord,
    catalog: Catalog,
    health: Health,
    affinity: PromptAffinity | None = None,
    sift: Callable[[Candidates], None] | None = None,
) -> JSON:
    """Return the candidates in the order in which they would be asked, and the dropped.

    `sift` drops those that something else than the catalog rules out. Raises a `Refusal`
    for a name that stands for nothing.
    """
    found = all_candidates_for(request, project, catalog)
    if sift is not None:
        sift(found)
    route = plan_route(found, request, affinity, explores=False)
    tokens = read_all_input(request)
    scores = found.scores or [None] * len(route)
    told = [
        _told(candidate, score, request, tokens, health)
        for candidate, score in zip(route, scores, strict=False)
    ]
    told.sort(key=lambda each: _ORDER.get(each["health"].get("readiness", ""), 0))
    doubts = {found.able[at].model.name: why for at, (_, why) in found.doubts.items()}
    for rank, each in enumerate(told, start=1):
        each["rank"] = rank
        if (doubt := doubts.get(each["name"])) is not None:
            each["doubt"] = doubt
    refusal = None if told else refusal_of(request, project, found)
    return {
        "operation": request.operation,
        "dialect": request.dialect,
        "model": name_of(request, project),
        "alias": found.alias,
        "strategy": found.strategy,
        "needs": sorted(found.needs),
        "input_tokens": tokens,
        "candidates": told,
        "dropped": [
            {
                "name": drop.model,
                "provider": drop.model.partition("/")[0],
                "model": drop.model.partition("/")[2],
                "code": drop.code,
                "reason": drop.reason,
            }
            for drop in found.dropped
        ],
        "retired": list(_retired(request, project, catalog)),
        "refusal": None
        if refusal is None
        else {
            "status": refusal.status_code,
            "code": refusal.code,
            "message": refusal.message,
        },
    }


def _told(
    candidate: Candidate,
    score: float | None,
    request: InferenceRequest,
    tokens: int,
    health: Health,
) -> JSON:
    model = candidate.model
    estimate = estimate_for(request, tokens, model, candidate.prices)
    return {
        "rank": 0,
        "name": model.name,
        "provider": model.provider.slug,
        "model": model.model_id,
        "region": model.provider.region,
        "handler": candidate.endpoint.handler,
        "turn": candidate.turn,
        "priority": candidate.priority,
        "weight": candidate.weight,
        "score": score,
        "health": health(candidate),
        "observed": _observed(model),
        "expected_latency_ms": model.expected_latency_ms,
        "context_window": model.context_window,
        "deprecated_on": _date(model),
        "price": _price(candidate, estimate.input_tokens),
        "estimate": _estimate(estimate),
    }


def _observed(model: ModelRecord) -> JSON | None:
    seen = OBSERVATIONS.of(model.name)
    if seen is None:
        return None
    first = seen.first_token_ms
    return {
        "base_ms": round(seen.base_ms, 1),
        "first_token_ms": None if first is None else round(first, 1),
        "tokens_per_second": round(1000 / seen.ms_per_token, 1)
        if seen.ms_per_token
        else None,
        "weight": round(seen.weight, 1),
    }


def _price(candidate: Candidate, input_tokens: int) -> JSON | None:
    if candidate.prices is None:
        return None
    rates = candidate.prices.tier_for(input_tokens).rates
    return {
        f"{name}_per_million": None if rate is None else _usd(rate.usd * _MILLION)
        for name, rate in (
            ("input", rates.get("input")),
            ("output", rates.get("output")),
        )
    }


def _estimate(estimate: Estimate) -> JSON:
    return {
        "input_tokens": estimate.input_tokens,
        "output_tokens": estimate.output_tokens,
        "max_output_tokens": estimate.max_output_tokens,
        "cost_usd": {
            "min": _usd(estimate.min_usd),
            "expected": _usd(estimate.expected_usd),
            "max": _usd(estimate.max_usd),
        },
    }


def _retired(
    request: InferenceRequest, project: ProjectRecord, catalog: Catalog
) -> Iterator[JSON]:
    """Yield the models behind the names in whose place another one is asked."""
    seen: set[str] = set()
    for name in names_of(request, project):
        for model in models_named_by(name, project, catalog):
            successor = in_service(model, project, catalog)
            if successor is not model and model.name not in seen:
                seen.add(model.name)
                yield {
                    "name": model.name,
                    "deprecated_on": _date(model),
                    "successor": successor.name,
                }


def _date(model: ModelRecord) -> str | None:
    retired = model.deprecated_on
    return None if retired is None else retired.isoformat()


def _usd(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"
