"""How good answers are, by model and by alias: flaws that show, and what people say."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES

from tenants.access import sees_some
from tenants.models import Organization, Project
from tenants.roles import reach_for
from usage.admin.dashboard.charts import quality_charts_of
from usage.admin.dashboard.choice import RANGES, Choice, choice_in, offered
from usage.analytics.feedback import Opinion, opinions_of
from usage.analytics.reading import Group, Sums, sums_of
from usage.models import HourlyUsage

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class QualityRow:
    name: str
    url: str
    feedback_url: str
    sums: Sums
    opinion: Opinion

    @property
    def flaws(self) -> list[str]:
        """Return the rates as people read them, a dash where there was nothing."""
        rates = (
            self.sums.truncation_rate,
            self.sums.refusal_rate,
            self.sums.violation_rate,
        )
        return ["-" if rate is None else f"{100 * rate:.2f} %" for rate in rates]

    @property
    def score(self) -> str:
        score = self.opinion.score
        return "-" if score is None else f"{score:.2f}"


def quality_page(request: HttpRequest) -> HttpResponse:
    reach = reach_for(request)
    if not sees_some(reach, HourlyUsage):
        raise PermissionDenied
    choice = choice_in(request, reach, timezone.now())
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Quality of answers",
        "choice": choice,
        "ranges": RANGES,
        "organizations": offered(Organization, reach),
        "projects": offered(Project, reach),
        "input_class": " ".join(INPUT_CLASSES),
        "select_class": " ".join(SELECT_CLASSES),
        "charts": quality_charts_of(
            choice,
            sums_of(choice.selection(cuts=True)),
            opinions_of(choice.selection(cuts=True)) or {},
        ),
        "tables": [
            ("Models", _rows(choice, "provider", "model")),
            ("Aliases", _rows(choice, "alias")),
        ],
    }
    return TemplateResponse(request, "admin/signalbox/quality.html", context)


def _rows(choice: Choice, *columns: str) -> list[QualityRow]:
    """Return what was asked for most, the largest first."""
    chosen = choice.selection(*columns)
    opinions = opinions_of(chosen) or {}
    found = [
        (group, sums)
        for group, sums in sums_of(chosen).items()
        if all(group[1:]) and (sums.answers or sums.violations)
    ]
    found.sort(key=lambda item: (-item[1].answers, item[0]))
    return [
        _row(choice, columns, group, sums, opinions) for group, sums in found[:_SHOWN]
    ]


def _row(
    choice: Choice,
    columns: tuple[str, ...],
    group: Group,
    sums: Sums,
    opinions: dict[Group, Opinion],
) -> QualityRow:
    filters = dict(zip(columns, map(str, group[1:]), strict=True))
    query = urlencode(filters)
    return QualityRow(
        "/".join(map(str, group[1:])),
        choice.usage_url(**filters),
        f"{reverse('admin:usage_feedback_changelist')}?{query}",
        sums,
        opinions.get(group, Opinion()),
    )
