"""The admin's sidebar, and the addresses of what gives it its looks."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from tenants.access import changes_some
from tenants.roles import reach_for

# Group, then title, model and icon of each page.
_PAGES = {
    "Traffic": [
        ("Events", "usage.usageevent", "list_alt"),
        ("Hourly usage", "usage.hourlyusage", "bar_chart"),
        ("Daily usage", "usage.dailyusage", "calendar_month"),
        ("Answer cache", "usage.cacheentry", "cached"),
        ("Repeated requests", "usage.idempotentanswer", "repeat"),
        ("Feedback", "usage.feedback", "thumbs_up_down"),
        ("Captured texts", "usage.capturedtext", "notes"),
        ("Readers of texts", "usage.captureview", "visibility"),
    ],
    "Tenants": [
        ("Organizations", "tenants.organization", "domain"),
        ("Projects", "tenants.project", "folder_shared"),
        ("API keys", "tenants.apikey", "key"),
        ("End users", "tenants.enduser", "person_pin"),
        ("Context scopes", "tenants.contextscope", "person_search"),
        ("Context entries", "tenants.contextentry", "contextual_token"),
        ("Context viewers", "tenants.contextview", "visibility"),
        ("Erasures", "tenants.erasure", "delete_forever"),
        ("Limits", "tenants.limit", "speed"),
        ("Budgets", "tenants.budget", "savings"),
        ("Approvals", "tenants.approval", "approval"),
    ],
    "Reports and alerts": [
        ("Reports", "usage.reportrun", "description"),
        ("Scheduled reports", "usage.reportdefinition", "event_repeat"),
        ("Alerts", "usage.alert", "warning"),
        ("Alert rules", "usage.alertrule", "rule"),
        ("Silences", "usage.alertsilence", "notifications_off"),
        ("Notifications", "usage.notification", "notifications"),
        ("Channels", "usage.notificationchannel", "forward_to_inbox"),
    ],
    "Workflows": [
        ("Workflows", "workflows.workflow", "account_tree"),
        ("Runs", "workflows.workflowrun", "directions_run"),
        ("Schedules", "workflows.workflowschedule", "event_repeat"),
        ("Incoming webhooks", "workflows.incomingwebhook", "webhook"),
    ],
    "Catalog": [
        ("Aliases", "catalog.alias", "alt_route"),
        ("Models", "catalog.aimodel", "neurology"),
        ("Prices", "catalog.price", "sell"),
        ("Price proposals", "usage.priceproposal", "price_check"),
        ("Re-ratings", "usage.rerating", "currency_exchange"),
        ("Providers", "catalog.provider", "hub"),
        ("Provider checks", "catalog.providercheck", "monitor_heart"),
        ("Custom endpoints", "catalog.customendpoint", "dns"),
        ("Endpoints", "catalog.endpoint", "conversion_path"),
        ("Credentials", "catalog.credential", "lock"),
    ],
    "System": [
        ("Audit", "pghistory.events", "history"),
        ("Versions", "tenants.configchange", "restore"),
        ("Schedules", "django_celery_beat.periodictask", "schedule"),
        ("People", "tenants.membership", "group"),
        ("Users", "auth.user", "person"),
        ("Operator tokens", "tenants.operatortoken", "badge"),
    ],
}

# Pages that belong to no model: whoever sees such rows may see them.
_TOOLS = {
    "Tenants": [
        ("Preview a context", "context_preview", "preview", "tenants.contextentry")
    ],
    "Traffic": [
        ("Find a request", "find-request", "search", "usage.usageevent"),
        ("Quality", "quality", "verified", "usage.hourlyusage"),
        ("Playground", "playground", "play_circle", "tenants.project"),
    ],
    "Catalog": [("Explain a route", "explain", "route", "tenants.project")],
}
# Those of them that only open for whoever may change such rows.
_FOR_CHANGES = frozenset({"playground"})


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of pages that the user may see."""
    overview = {
        "title": "Overview",
        "icon": "dashboard",
        "link": reverse("admin:index"),
    }
    groups: list[dict[str, Any]] = [{"title": "", "items": [overview]}]
    for title, pages in _PAGES.items():
        items = [
            {
                "title": name,
                "icon": icon,
                "link": reverse(f"admin:{label.replace('.', '_')}_changelist"),
            }
            for name, label, icon in pages
            if _may_view(request, label)
        ]
        items += [
            {"title": name, "icon": icon, "link": reverse(view)}
            for name, view, icon, needed in _TOOLS.get(title, ())
            if _may_view(request, needed)
            and (view not in _FOR_CHANGES or _may_change(request, needed))
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _may_view(request: HttpRequest, label: str) -> bool:
    model = apps.get_model(label)
    return admin.site.is_registered(model) and admin.site.get_model_admin(
        model
    ).has_view_permission(request)


def _may_change(request: HttpRequest, label: str) -> bool:
    return changes_some(reach_for(request), apps.get_model(label))


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """Return the links of the user's own menu."""
    user = request.user
    if not user.is_authenticated or not user.has_usable_password():
        return []
    return [
        {"title": "Two-factor sign-in", "link": reverse("mfa_index")},
        {"title": "Change password", "link": reverse("admin:password_change")},
    ]


def icon_url(request: HttpRequest) -> str:
    return static("signalbox/icon.svg")


def style_url(request: HttpRequest) -> str:
    return static("signalbox/admin.css")
