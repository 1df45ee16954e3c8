"""Rows of figures as CSV that a spreadsheet takes for text and numbers, not formulas."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from usage.analytics.answers import figures
from usage.analytics.reading import Sums

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_TIMES = ("p50", "p95", "p99")
_FEEDBACK = ("count", "score")


def as_csv(rows: Iterable[dict[str, Any]], leading: Iterable[str]) -> str:
    """Return the rows under a line of names; `leading` are those of the first columns."""
    texts = list(leading)
    numbers = list(figures(Sums()))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            *texts,
            *numbers,
            *(f"latency_{name}" for name in _TIMES),
            *(f"feedback_{name}" for name in _FEEDBACK),
        ]
    )
    for row in rows:
        cells = [as_text(row[name]) for name in texts]
        times = [row["latency"][name] for name in _TIMES]
        said = [row["feedback"][name] for name in _FEEDBACK]
        writer.writerow([*cells, *(row[name] for name in numbers), *times, *said])
    return out.getvalue()


def as_text(value: str | None) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    text = value or ""
    return f"'{text}" if text.startswith(_FORMULA) else text
