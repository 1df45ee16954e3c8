"""One project on one page: what went through, what it cost, and how it stands."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from tenants.access import changes, seen_by, sees
from tenants.models import Project
from tenants.roles import reach_for
from usage.admin.dashboard import panels, standing
from usage.admin.dashboard.choice import choice_in
from usage.admin.overview import added, traffic
from usage.analytics.reading import sums_of
from usage.models import HourlyUsage


def project_page(request: HttpRequest, slug: str) -> HttpResponse:
    reach = reach_for(request)
    project = (
        Project.objects.filter(seen_by(reach, Project), slug=slug)
        .select_related("organization")
        .first()
    )
    if project is None:
        raise Http404
    if not sees(reach, HourlyUsage(organization_id=project.organization_id)):
        raise PermissionDenied
    choice = choice_in(request, reach, timezone.now(), project)
    used = sums_of(choice.selection("provider", cuts=True))
    scope = {"project__id__exact": project.pk}
    lists = [
        ("Events", "usage_usageevent"),
        ("API keys", "tenants_apikey"),
        ("End users", "tenants_enduser"),
        ("Limits", "tenants_limit"),
        ("Budgets", "tenants_budget"),
        ("Approvals", "tenants_approval"),
    ]
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": project.name,
        "subtitle": project.slug,
        "project": project,
        **traffic(choice, used),
        "top_models": panels.top_models(choice),
        "top_features": panels.top_features(choice),
        "providers": panels.providers(choice, reach, added(used, 1)),
        "budgets": standing.budgets_of(project),
        "limits": standing.limits_of(project),
        "keys": standing.ending_keys_of(project),
        "approvals": panels.waiting_approvals(choice, reach),
        "may_change": changes(reach, project),
        "lists": [
            (name, f"{reverse(f'admin:{page}_changelist')}?{urlencode(scope)}")
            for name, page in lists
        ],
    }
    return TemplateResponse(request, "admin/signalbox/project.html", context)
