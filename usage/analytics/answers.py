"""Answers to questions about usage, as JSON: figures, providers, times, cache, rows."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from usage.analytics.dimensions import labels_of
from usage.analytics.feedback import Opinion, opinions_of
from usage.analytics.questions import Question, QuestionRefused
from usage.analytics.reading import (
    Group,
    Selection,
    Sums,
    Times,
    other_usage_of,
    sums_of,
    times_of,
)
from usage.analytics.workflow_runs import RunFigures, run_figures

MAX_ROWS = 10_000


def answer(question: Question) -> dict[str, Any]:
    """Return everything that is told about the question's stretch of time."""
    by_provider = _summed(question, "provider")
    total = Sums()
    for sums in by_provider.values():
        total.add(sums)
    runs = run_figures(question.begin, question.end, question.where)
    times = times_of(question.selection).get((1,), Times())
    first = times_of(question.selection, "first_token").get((1,), Times())
    return {
        "from": question.begin.astimezone(question.zone).isoformat(),
        "to": question.end.astimezone(question.zone).isoformat(),
        "timeZone": question.zone.key,
        "overview": {
            **figures(total),
            "totalEvents": total.events,
            "totalRequests": total.requests,
            "totalCostUSD": money(total.cost_usd),
            "totalTokens": total.tokens,
            "otherUsage": other_usage_of(question.selection),
        },
        "providers": [
            {
                "provider": str(provider),
                "requestCount": sums.events,
                "percentage": percentage(sums.events, total.events),
                **figures(sums),
            }
            for provider, sums in _largest_first(by_provider)
        ],
        "errors": _errors(question),
        "latency": {**_times(times), "firstToken": _times(first)},
        "cache": {
            "hits": total.hits,
            "misses": total.misses,
            "hitRate": rate(total.hit_rate),
            "savedUSD": money(total.saved_usd),
        },
        "feedback": _opinion((opinions_of(question.selection) or {}).get((1,))),
        "workflows": _runs(runs),
        "rows": list(rows(question)),
    }


def rows(question: Question) -> Iterator[dict[str, Any]]:
    """Yield the figures by bucket and group, when either is asked for.

    Raises `QuestionRefused` when there are too many.
    """
    if not question.granularity and not question.group_by:
        return
    grouped = question.grouped
    found = sums_of(grouped, limit=MAX_ROWS + 1)
    if len(found) > MAX_ROWS:
        msg = f"That is more than {MAX_ROWS} rows; narrow the time, or filter."
        raise QuestionRefused("groupBy", msg)
    if not question.group_by:
        # A chart shows the hours in which nothing happened.
        found = {
            (n + 1,): found.get((n + 1,), Sums()) for n in range(len(grouped.cuts))
        }
    # Of each of thousands of end users that would take its time.
    times = {} if "end_user" in grouped.group_by else times_of(grouped)
    opinions = opinions_of(grouped) or {}
    labels = [
        labels_of(column, {group[index] for group in found})
        for index, (_, column) in enumerate(question.group_by, 1)
    ]
    for group in _in_order(found):
        row: dict[str, Any] = {}
        if question.granularity:
            start = grouped.cuts[group[0] - 1]
            row["start"] = start.astimezone(question.zone).isoformat()
        for (name, _), named, value in zip(
            question.group_by, labels, group[1:], strict=True
        ):
            row[name] = named.get(value, None if value is None else str(value))
        row |= figures(found[group])
        row["latency"] = _times(times.get(group, Times()))
        row["feedback"] = _opinion(opinions.get(group))
        yield row


def figures(sums: Sums) -> dict[str, Any]:
    """Return what is told of every group."""
    return {
        "events": sums.events,
        "requests": sums.requests,
        "costUSD": money(sums.cost_usd),
        "savedUSD": money(sums.saved_usd),
        "inputTokens": sums.input_tokens,
        "outputTokens": sums.output_tokens,
        "cacheReadTokens": sums.cache_read_tokens,
        "cacheWriteTokens": sums.cache_write_tokens,
        "reasoningTokens": sums.reasoning_tokens,
        "errorCount": sums.errors,
        "errorRate": rate(sums.error_rate),
        "cacheHits": sums.hits,
        "fallbackCount": sums.fallbacks,
        "unpricedEvents": sums.unpriced,
        "estimatedEvents": sums.estimated,
        "truncatedCount": sums.truncated,
        "truncationRate": rate(sums.truncation_rate),
        "refusedCount": sums.refused,
        "refusalRate": rate(sums.refusal_rate),
        "schemaViolationCount": sums.violations,
        "schemaViolationRate": rate(sums.violation_rate),
    }


def money(amount: Decimal) -> str:
    """Return all decimals that are not zero, and at least six."""
    text = f"{amount:f}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(6, '0')}"


def percentage(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}" if whole else "0.0"


def rate(value: float | None) -> float | None:
    """Return a share of one; None where there was nothing to have a share of."""
    return None if value is None else round(value, 4)


def _summed(question: Question, column: str) -> dict[str, Sums]:
    chosen = Selection(question.begin, question.end, question.where, (column,))
    return {group[1]: sums for group, sums in sums_of(chosen).items()}


def _errors(question: Question) -> list[dict[str, Any]]:
    found = _summed(question, "error_code")
    codes = [(code, sums.errors) for code, sums in found.items() if sums.errors]
    codes.sort(key=lambda item: (-item[1], item[0]))
    return [{"code": code or "unknown", "count": count} for code, count in codes]


def _largest_first(found: dict[str, Sums]) -> Iterable[tuple[str, Sums]]:
    return sorted(found.items(), key=lambda item: (-item[1].events, item[0]))


def _in_order(found: dict[Group, Sums]) -> list[Group]:
    return sorted(found, key=lambda group: (group[0], -found[group].cost_usd))


def _times(times: Times) -> dict[str, float | None]:
    return {"p50": times.p50, "p95": times.p95, "p99": times.p99}


def _opinion(opinion: Opinion | None) -> dict[str, Any]:
    opinion = opinion or Opinion()
    return {"count": opinion.count, "score": rate(opinion.score)}


def _runs(runs: RunFigures) -> dict[str, Any]:
    return {
        "totalRuns": runs.total,
        "completed": runs.completed,
        "failed": runs.failed,
        "active": runs.active,
        "successRate": rate(runs.success_rate),
        "totalCostUSD": money(runs.cost_usd),
    }
