"""Finding a request by its id, and telling all that is known of it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from unfold.widgets import INPUT_CLASSES

from tenants.access import seen_by, sees_some
from tenants.roles import Reach, reach_for
from usage.admin.event_list import as_uuid
from usage.admin.requests.bills import bills_of, exact, total_of
from usage.admin.requests.finding import events_of
from usage.admin.requests.routes import route_of
from usage.admin.requests.timeline import timeline_of
from usage.models import CapturedText, UsageEvent

_LOOKED_FOR = 200


def find_request(request: HttpRequest) -> HttpResponse:
    """Lead from a request id that somebody pastes to its page."""
    _reach(request)
    sent = request.GET.get("id", "").strip()[:_LOOKED_FOR]
    request_id = as_uuid(sent)
    if request_id is not None:
        return HttpResponseRedirect(reverse("request", args=[request_id]))
    mistake = f"{sent!r} is not a request id." if sent else ""
    return _search_page(request, sent, mistake, 400 if sent else 200)


def request_page(request: HttpRequest, request_id: UUID) -> HttpResponse:
    reach = _reach(request)
    events = events_of(request_id, reach)
    if not events:
        mistake = (
            "There is no event of this request that you may see. Events arrive within "
            "seconds, and go when their time is over; a request that was refused "
            "before anybody was asked has none."
        )
        return _search_page(request, str(request_id), mistake, 404)
    attempts = [each for each in events if each.kind != UsageEvent.Kind.ADJUSTMENT]
    last = (attempts or events)[-1]
    bills = bills_of(events)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Request {request_id}",
        "request_id": request_id,
        "first": events[0],
        "last": last,
        "events": events,
        "attempts": attempts,
        "timeline": timeline_of(events),
        "route": route_of(events),
        "bills": bills,
        "total": exact(total_of(bills)),
        "saved": next((exact(e.saved_usd) for e in events if e.saved_usd), ""),
        "tokens": sum(each.input_tokens + each.output_tokens for each in events),
        "headers": _headers(last, attempts),
        "whose": _attribution(last, reach),
        "texts": _texts(request_id, reach),
    }
    return TemplateResponse(request, "admin/signalbox/request.html", context)


def _reach(request: HttpRequest) -> Reach:
    reach = reach_for(request)
    if not sees_some(reach, UsageEvent):
        raise PermissionDenied
    return reach


def _search_page(
    request: HttpRequest, sent: str, mistake: str, status: int
) -> HttpResponse:
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Find a request",
        "sent": sent,
        "mistake": mistake,
        "input_class": " ".join(INPUT_CLASSES),
    }
    return TemplateResponse(
        request, "admin/signalbox/find_request.html", context, status=status
    )


def _headers(last: UsageEvent, attempts: Iterable[UsageEvent]) -> list[tuple[str, str]]:
    """Return the headers that told the client how its answer came to be."""
    asked = [each for each in attempts if each.kind == UsageEvent.Kind.ATTEMPT]
    costs = [each.cost_usd for each in attempts]
    found = [
        ("x-request-id", str(last.request_id)),
        ("x-signalbox-provider", last.provider),
        ("x-signalbox-model", last.model),
        ("x-signalbox-alias", last.alias),
        ("x-signalbox-strategy", last.strategy),
        ("x-signalbox-attempts", str(len(asked))),
        ("x-signalbox-fallback", "true" if last.fallback else "false"),
        ("x-signalbox-cache", last.cache or "bypass"),
        ("x-signalbox-config-version", str(last.config_version)),
    ]
    known = [cost for cost in costs if cost is not None]
    if not last.streamed and len(known) == len(costs):
        found.append(
            ("x-signalbox-cost-usd", f"{sum(known, Decimal(0)).normalize():f}")
        )
    if last.status != UsageEvent.Status.OK:
        # A refusal names the request alone.
        return found[:1]
    return found


def _attribution(event: UsageEvent, reach: Reach) -> list[tuple[str, str, str]]:
    """Return whom and what the request was for: name, value, and where that leads."""
    key = event.api_key if event.api_key_id is not None else None
    rows = [
        (
            "Organization",
            str(event.organization),
            _link("tenants_organization", event.organization_id),
        ),
        ("Project", event.project.slug, reverse("project", args=[event.project.slug])),
        (
            "API key",
            f"{key.prefix}… ({key.name})" if key is not None else "none",
            _link("tenants_apikey", event.api_key_id) if key is not None else "",
        ),
        ("End user", event.end_user, ""),
    ]
    if event.feature == "workflow" and (run := _run_of(event)):
        run_id, step = run
        rows += [
            ("Workflow run", run_id, _link("workflows_workflowrun", run_id)),
            ("Step", step, ""),
        ]
    else:
        rows += [
            ("Feature", event.feature, ""),
            ("Feature id", event.feature_id, ""),
        ]
    rows.append(("Tags", ", ".join(map(str, event.tags)), ""))
    return rows


def _run_of(event: UsageEvent) -> tuple[str, str] | None:
    """Return the run and the step that a workflow's request was made for."""
    run_id, _, step = event.feature_id.partition("/")
    return (run_id, step) if as_uuid(run_id) is not None else None


def _link(page: str, key: Any) -> str:
    """Return the address of a row's page, where it has one."""
    try:
        return reverse(f"admin:{page}_change", args=[key])
    except NoReverseMatch:
        return ""


def _texts(request_id: UUID, reach: Reach) -> list[CapturedText]:
    """Return what is kept of what was said, to those who may read it."""
    if not sees_some(reach, CapturedText):
        return []
    rows = CapturedText.objects.filter(
        seen_by(reach, CapturedText), request_id=str(request_id)
    )
    return list(rows.defer("sealed")[:5])
