"""The playground's page, and the runs that it starts."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template.response import TemplateResponse
from django.views.decorators.http import require_POST
from uuid_utils import uuid7

from catalog.models import Alias
from gateway.admin.playground.command import curl
from gateway.admin.playground.forms import (
    SPENDS,
    PlaygroundForm,
    projects_to_spend_of,
)
from gateway.admin.playground.places import PLACES
from gateway.admin.playground.running import Run, frames
from gateway.admin.playground.runs import past_runs, record_run
from gateway.asgi import OPEN_GATEWAY
from gateway.serve import Gateway
from tenants.access import seen_by
from tenants.roles import Reach, reach_for

_OFFERED = 200
# What the events of a run are attributed to; the person is their feature id.
FEATURE = "playground"
_NAME_LENGTH = 200


def playground_page(request: HttpRequest) -> HttpResponse:
    reach = _reach(request)
    first = next(iter(PLACES.values()))
    slug = request.GET.get("project", "")[:100]
    projects = list(
        projects_to_spend_of(reach)
        .order_by("slug")
        .values_list("slug", flat=True)[:_OFFERED]
    )
    form = PlaygroundForm(
        reach=reach,
        initial={
            "project": slug or (projects[0] if len(projects) == 1 else ""),
            "place": first.slug,
            "body": first.shown_sample,
        },
    )
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Playground",
        "form": form,
        "main_fields": [form[name] for name in ("project", "place", "model")],
        "more_fields": [form[name] for name in ("end_user", "approval")],
        "projects": projects,
        "models": _names(reach),
        "places": {
            place.slug: {"sample": place.shown_sample, "streams": place.can_stream}
            for place in PLACES.values()
        },
        "past_runs": list(past_runs(reach)),
    }
    return TemplateResponse(request, "admin/signalbox/playground.html", context)


@require_POST
def run_playground(request: HttpRequest) -> HttpResponseBase:
    """Ask on behalf of the project, and tell line by line what becomes of it."""
    reach = _reach(request)
    form = PlaygroundForm(request.POST, reach=reach)
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    gateway: Gateway | None = getattr(request, "scope", {}).get(OPEN_GATEWAY)
    if gateway is None:
        msg = "This process answers no requests of projects: run the web server."
        return JsonResponse({"errors": {"__all__": [msg]}}, status=503)
    composed, headers = form.composed(), form.headers()
    request_id = str(uuid7())
    user = request.user
    assert user.is_authenticated  # noqa: S101  # Whoever has a role is.
    record_run(user, form.cleaned_data["project"], composed, request_id)
    run = Run(
        gateway,
        form.cleaned_data["project"].pk,
        request_id,
        composed,
        {**headers, **_attribution(user.get_username())},
    )
    response = StreamingHttpResponse(
        frames(run), content_type="application/x-ndjson; charset=utf-8"
    )
    response["Cache-Control"] = "private, no-store"
    response["X-Accel-Buffering"] = "no"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
def show_command(request: HttpRequest) -> HttpResponse:
    """Answer with the command that sends what the form says."""
    form = PlaygroundForm(request.POST, reach=_reach(request))
    if not form.is_valid():
        return JsonResponse({"errors": form.errors}, status=400)
    base_url = request.build_absolute_uri("/")
    return JsonResponse({"command": curl(form.composed(), base_url, form.headers())})


def _reach(request: HttpRequest) -> Reach:
    reach = reach_for(request)
    if not reach.may_anywhere(SPENDS):
        raise PermissionDenied
    return reach


def _attribution(name: str) -> dict[str, str]:
    said = name.encode("ascii", "backslashreplace").decode()
    shown = "".join(letter for letter in said if letter.isprintable())
    return {
        "x-signalbox-feature": FEATURE,
        "x-signalbox-feature-id": shown[:_NAME_LENGTH],
    }


def _names(reach: Reach) -> list[str]:
    """Return the aliases that are offered; others and models can be typed."""
    seen = Alias.objects.filter(seen_by(reach, Alias), active=True)
    names = seen.order_by("name").values_list("name", flat=True).distinct()
    return list(names[:_OFFERED])
