"""Why a request went where it went, as a table."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from usage.models import UsageEvent

MOVED = {
    "explored": "The first was asked to learn how quickly it answers.",
    "prompt_held": "The first may still hold the beginning of the conversation.",
}
_STRATEGIES = {
    "priority": "by priority",
    "specified": "as they were named",
    "cheapest": "cheapest first; scores are expected USD",
    "price": "cheapest first; scores are expected USD",
    "fastest": "fastest first; scores are expected milliseconds",
    "latency": "fastest first; scores are expected milliseconds",
    "weighted": "by lot, after their weights",
}
# Why a model was not asked.
_REASONS = {
    "operation": "does not serve the operation",
    "endpoint": "its provider has no endpoint for the operation",
    "capability": "lacks a capability that the request needs",
    "context_window": "its context window is too small",
    "residency_violation": "the data may not go to its region",
    "region": "is not in the region that was asked for",
    "only": "the request names other providers",
    "ignore": "the request ignores its provider",
    "not_configured": "its provider has no usable credential",
    "unpriced_model": "has no price",
    "max_price": "its price is above what the request allows",
    "max_cost": "it would cost more than the request allows",
    "budget_exceeded": "a budget is spent",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A candidate. `place` is empty for one that was dropped."""

    place: str
    name: str
    score: str
    outcome: str
    colour: str


@dataclass(frozen=True, slots=True)
class Route:
    ordered: str
    moved: str
    rows: tuple[Row, ...]
    others: tuple[tuple[str, str], ...]


def route_of(events: Iterable[UsageEvent]) -> Route | None:
    """Return the decision that the events have in common, or None without one."""
    asked = [each for each in events if each.kind != UsageEvent.Kind.ADJUSTMENT]
    told: Mapping[str, Any] = next((e.routing for e in asked if e.routing), {})
    if not told:
        return None
    outcomes = {f"{event.provider}/{event.model}": event for event in asked}
    order, scores = told.get("order") or [], told.get("scores") or []
    rows = [
        _row(place, name, score, outcomes.get(name))
        for place, (name, score) in enumerate(zip_longest(order, scores), start=1)
    ]
    dropped = told.get("dropped") or {}
    rows += [Row("", name, "", _reason(code), "") for name, code in dropped.items()]
    known = {"order", "scores", "dropped", "first"}
    return Route(
        _STRATEGIES.get(asked[0].strategy, asked[0].strategy),
        MOVED.get(told.get("first", ""), ""),
        tuple(rows),
        tuple((name, str(value)) for name, value in told.items() if name not in known),
    )


def _row(place: int, name: str, score: Any, event: UsageEvent | None) -> Row:
    shown = "" if score is None else f"{score:g}"
    if event is None:
        return Row(str(place), name, shown, "not asked", "")
    if event.kind == UsageEvent.Kind.CACHE_HIT:
        return Row(str(place), name, shown, "had answered it before", "success")
    if event.status == UsageEvent.Status.OK:
        return Row(str(place), name, shown, "answered", "success")
    return Row(str(place), name, shown, event.error_code or event.status, "danger")


def _reason(code: str) -> str:
    return f"dropped: {_REASONS.get(code, code.replace('_', ' '))}"
