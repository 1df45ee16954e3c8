"""How the routes of analytics are described."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from usage.analytics.buckets import GRANULARITIES

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}
_MONEY = {"type": "string", "description": "USD, exact."}
_RATE = {"type": ["number", "null"], "description": "From 0 to 1; null without any."}
_MS = {"type": ["number", "null"], "description": "Milliseconds, right to 1 %."}
_TIMES = {
    "type": "object",
    "properties": {"p50": _MS, "p95": _MS, "p99": _MS},
}
_OPINION = {
    "type": "object",
    "properties": {
        "count": _COUNT,
        "score": {**_RATE, "description": "The mean, from 0 to 1."},
    },
}
_FIGURES: dict[str, Any] = {
    "events": {**_COUNT, "description": "Attempts and answers from the cache."},
    "requests": _COUNT,
    "costUSD": _MONEY,
    "savedUSD": _MONEY,
    "inputTokens": _COUNT,
    "outputTokens": _COUNT,
    "cacheReadTokens": _COUNT,
    "cacheWriteTokens": _COUNT,
    "reasoningTokens": _COUNT,
    "errorCount": _COUNT,
    "errorRate": _RATE,
    "cacheHits": _COUNT,
    "fallbackCount": _COUNT,
    "unpricedEvents": _COUNT,
    "estimatedEvents": _COUNT,
    "truncatedCount": {
        **_COUNT,
        "description": "Answers cut off by a bound of length.",
    },
    "truncationRate": _RATE,
    "refusedCount": {**_COUNT, "description": "Answers withheld for their content."},
    "refusalRate": _RATE,
    "schemaViolationCount": {
        **_COUNT,
        "description": "Answers that did not keep to the schema asked for.",
    },
    "schemaViolationRate": _RATE,
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "from": {**_TEXT, "format": "date-time"},
        "to": {**_TEXT, "format": "date-time"},
        "timeZone": _TEXT,
        "overview": {
            "type": "object",
            "properties": {
                "totalEvents": _COUNT,
                "totalRequests": _COUNT,
                "totalCostUSD": _MONEY,
                "totalTokens": _COUNT,
                "otherUsage": {"type": "object", "additionalProperties": _COUNT},
                **_FIGURES,
            },
        },
        "providers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "provider": _TEXT,
                    "requestCount": _COUNT,
                    "percentage": {
                        **_TEXT,
                        "description": "Of all events, with one decimal.",
                    },
                    **_FIGURES,
                },
            },
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"code": _TEXT, "count": _COUNT},
            },
        },
        "latency": {
            "type": "object",
            "properties": {**_TIMES["properties"], "firstToken": _TIMES},  # type: ignore[dict-item]
        },
        "cache": {
            "type": "object",
            "properties": {
                "hits": _COUNT,
                "misses": _COUNT,
                "hitRate": _RATE,
                "savedUSD": _MONEY,
            },
        },
        "feedback": _OPINION,
        "workflows": {
            "type": "object",
            "properties": {
                "totalRuns": _COUNT,
                "completed": _COUNT,
                "failed": _COUNT,
                "active": _COUNT,
                "successRate": _RATE,
                "totalCostUSD": _MONEY,
            },
        },
        "rows": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "start": {**_TEXT, "format": "date-time"},
                    **_FIGURES,
                    "latency": _TIMES,
                    "feedback": _OPINION,
                },
                "additionalProperties": {"type": ["string", "null"]},
            },
        },
    },
}
_NONE = {
    "events": 1250,
    "requests": 1231,
    "costUSD": "15.432000",
    "savedUSD": "2.100000",
    "inputTokens": 812_400,
    "outputTokens": 190_210,
    "cacheReadTokens": 0,
    "cacheWriteTokens": 0,
    "reasoningTokens": 0,
    "errorCount": 12,
    "errorRate": 0.0113,
    "cacheHits": 190,
    "fallbackCount": 7,
    "unpricedEvents": 0,
    "estimatedEvents": 0,
    "truncatedCount": 9,
    "truncationRate": 0.0087,
    "refusedCount": 2,
    "refusalRate": 0.0019,
    "schemaViolationCount": 0,
    "schemaViolationRate": 0.0,
}
_P = {"p50": 812.4, "p95": 2210.8, "p99": 4105.9}
EXAMPLE = OpenApiExample(
    "Figures of a month",
    {
        "from": "2026-01-01T00:00:00+01:00",
        "to": "2026-02-01T00:00:00+01:00",
        "timeZone": "Europe/Berlin",
        "overview": {
            **_NONE,
            "totalEvents": 1250,
            "totalRequests": 1231,
            "totalCostUSD": "15.432000",
            "totalTokens": 1_002_610,
            "otherUsage": {},
        },
        "providers": [
            {
                "provider": "openai",
                "requestCount": 1250,
                "percentage": "100.0",
                **_NONE,
            }
        ],
        "errors": [{"code": "upstream_timeout", "count": 12}],
        "latency": {**_P, "firstToken": _P},
        "cache": {
            "hits": 190,
            "misses": 1040,
            "hitRate": 0.1545,
            "savedUSD": "2.100000",
        },
        "feedback": {"count": 31, "score": 0.8226},
        "workflows": {
            "totalRuns": 40,
            "completed": 38,
            "failed": 2,
            "active": 0,
            "successRate": 0.95,
            "totalCostUSD": "0.412000",
        },
        "rows": [],
    },
    response_only=True,
    status_codes=["200"],
)


def parameters(dimensions: Iterable[str]) -> list[OpenApiParameter]:
    """Return what a question may hold."""
    names = list(dimensions)
    told = {
        "from": "ISO 8601 day or moment; by default 30 days before `to`.",
        "to": "ISO 8601 day, which is included, or moment; by default now.",
        "granularity": "Adds `rows`, one for each local stretch of time: "
        f"{', '.join(GRANULARITIES)}.",
        "groupBy": "Adds `rows`, one for each value, or pair of values, of at most two "
        f"of: {', '.join(names)}.",
        "format": "`json` or `csv`; CSV holds `rows` alone. `Accept: text/csv` does it too.",
        **{
            name: f"Only this {name}; several are separated by commas."
            for name in names
        },
    }
    return [OpenApiParameter(name, description=text) for name, text in told.items()]
