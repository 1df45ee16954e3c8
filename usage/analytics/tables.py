"""Rows of figures as CSV that a spreadsheet takes for text and numbers, not formulas."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from usage.analytics.answers import figures
from usage.analytics.reading import Sums

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_TIMES = ("p50", "p95", "p99")


def as_csv(rows: Iterable[dict[str, Any]], leading: Iterable[str]) -> str:
    """Return the rows under a line of names; `leading` are those of the first columns."""
    texts = list(leading)
    numbers = list(figures(Sums()))
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*texts, *numbers, *(f"latency_{name}" for name in _TIMES)])
    for row in rows:
        cells = [_text(row[name]) for name in texts]
        times = [row["latency"][name] for name in _TIMES]
        writer.writerow([*cells, *(row[name] for name in numbers), *times])
    return out.getvalue()


def _text(value: str | None) -> str:
    text = value or ""
    return f"'{text}" if text.startswith(_FORMULA) else text
