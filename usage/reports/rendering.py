"""A report as HTML with pictures, and as CSV."""

import base64
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.template.loader import render_to_string

from usage.analytics.tables import as_text
from usage.models import ReportDefinition, ReportRun
from usage.reports.drawing import draw
from usage.reports.parts import Part, Scope
from usage.reports.periods import Period
from usage.reports.sections import parts_of

_CID = "cid:"
_INLINE = "data:image/png;base64,"


@dataclass(frozen=True, slots=True)
class Rendered:
    """`html` names its pictures by content id; `charts` holds them as base64."""

    html: str
    charts: dict[str, str]
    csv: str


def render(definition: ReportDefinition, period: Period, now: datetime) -> Rendered:
    """Draw the report up from the sums as they now are."""
    scope = scope_of(definition, period)
    parts = parts_of(scope, definition.sections)
    charts: dict[str, str] = {}
    shown = [(part, [_drawn(part, n, charts) for n in _places(part)]) for part in parts]
    html = render_to_string(
        "reports/report.html",
        {
            "definition": definition,
            "whose": whose(definition),
            "period": period,
            "zone": scope.zone.key,
            "parts": shown,
            "drawn_up_at": f"{now.astimezone(scope.zone):%Y-%m-%d %H:%M}",
            "public_url": settings.PUBLIC_URL,
        },
    )
    return Rendered(html, charts, as_csv(parts))


def scope_of(definition: ReportDefinition, period: Period) -> Scope:
    scope = Scope(period, definition.zone)
    if definition.project_id is not None:
        scope.project_id = definition.project_id
        scope.where = {"project_id": [definition.project_id]}
    elif definition.organization_id is not None:
        scope.organization_id = definition.organization_id
        scope.where = {"organization_id": [definition.organization_id]}
    return scope


def whose(of: ReportDefinition | ReportRun) -> str:
    """Return what the report is about, as people call it."""
    if of.project is not None:
        return str(of.project.name)
    return "All organizations" if of.organization is None else str(of.organization.name)


def with_pictures(html: str, charts: Mapping[str, str]) -> str:
    """Return the HTML as one file, with its pictures in it."""
    for name, data in charts.items():
        html = html.replace(f"{_CID}{name}", f"{_INLINE}{data}")
    return html


def as_csv(parts: Sequence[Part]) -> str:
    """Return all figures and rows, each number on a line of its own."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["section", "table", "row", "column", "value"])
    for part in parts:
        for figure in part.figures:
            writer.writerow([part.name, "", "", figure.name, _plain(figure.value)])
        for table in part.tables:
            for row in table.plain:
                for column, value in zip(table.named[1:], row[1:], strict=True):
                    cells = [table.title, as_text(str(row[0])), column, _plain(value)]
                    writer.writerow([part.name, *cells])
    return out.getvalue()


def _places(part: Part) -> range:
    return range(len(part.charts))


def _drawn(part: Part, number: int, charts: dict[str, str]) -> dict[str, str]:
    chart = part.charts[number]
    name = f"{part.name}-{number + 1}@signalbox"
    charts[name] = base64.b64encode(draw(chart)).decode()
    return {"title": chart.title, "told": chart.told, "source": f"{_CID}{name}"}


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return as_text(value) if isinstance(value, str) else str(value)
