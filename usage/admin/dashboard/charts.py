"""Charts of the overview, as unfold draws them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from usage.admin.dashboard.choice import Choice
from usage.analytics.feedback import Opinion
from usage.analytics.reading import Group, Sums, Times

# Readable on white and on black alike.
_TEAL, _RED, _AMBER, _BLUE = "#0d9488", "#dc2626", "#d97706", "#2563eb"
_GREY = "#9ca3af"
# How the browser writes what stands at an axis.
_FORMATS: Mapping[str, dict[str, str]] = {
    "": {},
    "$": {"style": "currency", "currency": "USD"},
    "%": {"style": "unit", "unit": "percent"},
    "ms": {"style": "unit", "unit": "millisecond"},
}

Point = float | int | None


@dataclass(frozen=True, slots=True)
class Chart:
    """`kind` is line or bar; `told` says in words what the picture shows.

    Data and options are Chart.js's, as JSON.
    """

    title: str
    kind: str
    data: str
    options: str
    told: str
    url: str


def charts_of(
    choice: Choice, sums: dict[Group, Sums], times: dict[Group, Times]
) -> list[Chart]:
    cuts = choice.cuts
    at = [sums.get((number,), Sums()) for number in range(1, len(cuts) + 1)]
    timed = [times.get((number,), Times()) for number in range(1, len(cuts) + 1)]

    def line(read: Callable[[Sums], Point]) -> list[Point]:
        return [read(each) for each in at]

    def drawn(
        title: str,
        kind: str,
        *lines: tuple[str, str, Sequence[Point]],
        unit: str = "",
        **filters: str,
    ) -> Chart:
        return chart_of(choice, title, kind, lines, unit, **filters)

    return [
        drawn("Traffic", "bar", ("events", _TEAL, line(lambda s: s.events))),
        drawn(
            "Cost", "bar", ("USD", _BLUE, line(lambda s: float(s.cost_usd))), unit="$"
        ),
        drawn(
            "Errors",
            "line",
            ("% of attempts", _RED, line(lambda s: _percent(s.error_rate))),
            unit="%",
            status="error",
        ),
        drawn(
            "Latency",
            "line",
            ("p50", _TEAL, [each.p50 for each in timed]),
            ("p95", _AMBER, [each.p95 for each in timed]),
            ("p99", _RED, [each.p99 for each in timed]),
            unit="ms",
            status="ok",
        ),
        drawn(
            "Cache hit rate",
            "line",
            ("% of lookups", _TEAL, line(lambda s: _percent(s.hit_rate))),
            unit="%",
            cache="hit",
        ),
        drawn(
            "Saved by the cache",
            "bar",
            ("USD", _TEAL, line(lambda s: float(s.saved_usd))),
            unit="$",
            cache="hit",
        ),
    ]


def quality_charts_of(
    choice: Choice, sums: dict[Group, Sums], opinions: dict[Group, Opinion]
) -> list[Chart]:
    """Return what went wrong with answers that came, and what people thought of them."""
    numbers = range(1, len(choice.cuts) + 1)
    at = [sums.get((number,), Sums()) for number in numbers]
    said = [opinions.get((number,), Opinion()).score for number in numbers]
    return [
        chart_of(
            choice,
            "Answers with a flaw",
            "line",
            [
                ("truncated", _AMBER, [_percent(s.truncation_rate) for s in at]),
                ("refused", _BLUE, [_percent(s.refusal_rate) for s in at]),
                ("against the schema", _RED, [_percent(s.violation_rate) for s in at]),
            ],
            "%",
        ),
        chart_of(
            choice,
            "Feedback",
            "line",
            [("mean score", _TEAL, [None if s is None else round(s, 3) for s in said])],
        ),
    ]


def chart_of(
    choice: Choice,
    title: str,
    kind: str,
    lines: Sequence[tuple[str, str, Sequence[Point]]],
    unit: str = "",
    **filters: str,
) -> Chart:
    form = "%H:%M" if choice.is_hourly else "%d %b"
    labels = [cut.strftime(form) for cut in choice.cuts]
    sets = [_dataset(name, colour, points) for name, colour, points in lines]
    data = json.dumps({"labels": labels, "datasets": sets})
    options = json.dumps(_options(unit, has_legend=len(lines) > 1))
    told = "; ".join(_in_words(name, labels, points) for name, _, points in lines)
    return Chart(title, kind, data, options, told, choice.usage_url(**filters))


def _options(unit: str, *, has_legend: bool) -> dict[str, object]:
    """Return options in the place of unfold's, which write 0.30000000000000004 %."""
    legend = {"color": _GREY, "boxWidth": 6, "boxHeight": 6, "usePointStyle": True}
    return {
        "animation": False,
        "maintainAspectRatio": False,
        "maxBarThickness": 14,
        "datasets": {
            "bar": {"borderRadius": 3},
            "line": {"borderWidth": 2, "spanGaps": True},
        },
        "plugins": {
            "legend": {"display": has_legend, "align": "end", "labels": legend}
        },
        "scales": {
            "x": {
                "grid": {"display": False},
                "ticks": {"color": _GREY, "maxTicksLimit": 8},
            },
            "y": {
                "beginAtZero": True,
                "border": {"display": False, "dash": [4, 4]},
                "grid": {"tickWidth": 0},
                "ticks": {
                    "color": _GREY,
                    "maxTicksLimit": 7,
                    "format": _FORMATS[unit],
                },
            },
        },
    }


def _dataset(name: str, colour: str, points: Sequence[Point]) -> dict[str, object]:
    return {
        "label": name,
        "data": points,
        "borderColor": colour,
        "backgroundColor": colour,
        "pointStyle": "circle",
        "pointRadius": 1.5,
    }


def _percent(share: float | None) -> Point:
    return None if share is None else round(100 * share, 2)


def _in_words(name: str, labels: Sequence[str], points: Sequence[Point]) -> str:
    known = [(p, label) for p, label in zip(points, labels, strict=True) if p]
    if not known:
        return f"{name}: nothing"
    most, when = max(known)
    return f"{name}: at most {most:,.6g}, {when}"
