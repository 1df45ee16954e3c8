"""How good answers were, as far as it can be told: what came of them, and what people say."""

from usage.analytics.feedback import Opinion, opinions_of
from usage.analytics.reading import Selection, Sums
from usage.reports.parts import (
    TOP,
    Figure,
    Part,
    Scope,
    Table,
    change,
    count,
    points,
    share,
)


def quality(scope: Scope) -> Part:
    now, before = scope.total, scope.earlier
    rates = (
        ("Cut off", now.truncation_rate, before.truncation_rate),
        ("Refused for content", now.refusal_rate, before.refusal_rate),
        ("Not as their schema asks", now.violation_rate, before.violation_rate),
    )
    figures = [
        Figure(name, share(value), value, points(value, earlier))
        for name, value, earlier in rates
    ]
    said, earlier = _opinion(scope), _opinion(scope, is_earlier=True)
    if said.score is not None:
        shown = f"{said.score:.2f} of {count(said.count)}"
        told = change(said.score, earlier.score)
        figures.append(Figure("Feedback, mean score", shown, said.score, told))
    return Part("quality", "Quality of answers", figures=figures, tables=_worst(scope))


def _opinion(scope: Scope, *, is_earlier: bool = False) -> Opinion:
    period = scope.period.before(scope.zone) if is_earlier else scope.period
    found = opinions_of(Selection(period.begin, period.end, scope.where))
    return (found or {}).get((1,), Opinion())


def _worst(scope: Scope) -> list[Table]:
    """Return the models of which something is to be told."""
    rows = [
        (f"{provider}/{model}", sums)
        for (provider, model), sums in scope.by("provider", "model")
        if sums.truncated or sums.refused or sums.violations
    ]
    rows.sort(key=lambda row: (-_told(row[1]), row[0]))
    if not rows:
        return []
    return [
        Table(
            "By model",
            ("Model", "Answers", "Cut off", "Refused", "Not as asked"),
            [
                (
                    name,
                    count(sums.answers),
                    share(sums.truncation_rate),
                    share(sums.refusal_rate),
                    share(sums.violation_rate),
                )
                for name, sums in rows[:TOP]
            ],
            ("model", "answers", "truncated", "refused", "violations"),
            [
                (name, sums.answers, sums.truncated, sums.refused, sums.violations)
                for name, sums in rows
            ],
            max(len(rows) - TOP, 0),
        )
    ]


def _told(sums: Sums) -> int:
    return sums.truncated + sums.refused + sums.violations
