"""Charts as PNG. Matplotlib is imported when the first one is drawn, not before."""

import io
import os
from typing import Any

from django.conf import settings

from usage.reports.parts import Chart

_COLOURS = ("#0d9488", "#d97706", "#dc2626", "#2563eb")
_TWICE = 240
_WIDTH, _HEIGHT = 6.0, 2.3
_ROW_HEIGHT = 0.38
_MAX_LABELS = 12
_MAX_NAME = 36
_INK, _PALE = "#475569", "#e2e8f0"


def draw(chart: Chart) -> bytes:
    """Return the picture, twice as fine as it is shown."""
    # Where the fonts that were found are remembered; a home may not be writable.
    folder = settings.SIGNALBOX_HOME / "matplotlib"
    os.environ.setdefault("MPLCONFIGDIR", str(folder))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = _HEIGHT
    if chart.kind == "ranking":
        height = 0.5 + _ROW_HEIGHT * max(len(chart.labels), 2)
    figure = Figure(figsize=(_WIDTH, height), dpi=_TWICE, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _KINDS[chart.kind](axes, chart)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(_PALE)
    axes.tick_params(length=0, labelcolor=_INK, labelsize=9)
    axes.set_axisbelow(True)
    out = io.BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _bars(axes: Any, chart: Chart) -> None:
    places = list(range(len(chart.labels)))
    below = [0.0] * len(places)
    for (name, values), colour in zip(chart.lines, _COLOURS_OF_BARS, strict=False):
        heights = [value or 0.0 for value in values]
        axes.bar(places, heights, bottom=below, color=colour, width=0.72, label=name)
        below = [a + b for a, b in zip(below, heights, strict=True)]
    _label(axes, chart)


def _draw_lines(axes: Any, chart: Chart) -> None:
    places = list(range(len(chart.labels)))
    for (name, values), colour in zip(chart.lines, _COLOURS, strict=False):
        known = [float("nan") if value is None else value for value in values]
        axes.plot(
            places,
            known,
            color=colour,
            label=name,
            linewidth=1.8,
            marker="o",
            markersize=2.5,
        )
    _label(axes, chart)


def _ranking(axes: Any, chart: Chart) -> None:
    (_, values), *_ = chart.lines
    names = [_shortened(name) for name in chart.labels]
    places = list(range(len(names)))
    bars = axes.barh(places, [value or 0.0 for value in values], color=_COLOURS[3])
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.bar_label(
        bars,
        labels=[f"{chart.unit}{value or 0:,.2f}" for value in values],
        padding=4,
        fontsize=9,
        color=_INK,
    )
    axes.margins(x=0.15)
    axes.spines["bottom"].set_visible(False)


_COLOURS_OF_BARS = (_COLOURS[0], _COLOURS[2])
_KINDS = {"bars": _bars, "lines": _draw_lines, "ranking": _ranking}


def _label(axes: Any, chart: Chart) -> None:
    places = list(range(len(chart.labels)))
    step = max(1, -(-len(places) // _MAX_LABELS))
    axes.set_xticks(places[::step], list(chart.labels)[::step])
    axes.yaxis.set_major_formatter(lambda value, _: _with_unit(value, chart.unit))
    axes.grid(axis="y", color=_PALE, linewidth=0.8)
    axes.set_ylim(bottom=0)
    if len(chart.lines) > 1:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=len(chart.lines),
            frameon=False,
            fontsize=9,
            labelcolor=_INK,
            borderpad=0,
            handlelength=1.2,
        )


def _with_unit(value: float, unit: str) -> str:
    text = f"{value:,.6g}"
    if unit == "$":
        return f"${text}"
    return f"{text} {unit}".strip()


def _shortened(name: str) -> str:
    # A dollar sign would begin a formula.
    text = name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
    return text.replace("$", r"\$")
