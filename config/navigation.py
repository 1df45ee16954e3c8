"""The admin's sidebar, and the addresses of what gives it its looks."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

from gateway.admin.explain import PERMISSIONS

# Group, then title, model and icon of each page.
_PAGES = {
    "Traffic": [
        ("Events", "usage.usageevent", "list_alt"),
        ("Hourly usage", "usage.hourlyusage", "bar_chart"),
        ("Daily usage", "usage.dailyusage", "calendar_month"),
        ("Answer cache", "usage.cacheentry", "cached"),
    ],
    "Tenants": [
        ("Organizations", "tenants.organization", "domain"),
        ("Projects", "tenants.project", "folder_shared"),
        ("API keys", "tenants.apikey", "key"),
        ("Limits", "tenants.limit", "speed"),
        ("Budgets", "tenants.budget", "savings"),
    ],
    "Catalog": [
        ("Aliases", "catalog.alias", "alt_route"),
        ("Models", "catalog.aimodel", "neurology"),
        ("Prices", "catalog.price", "sell"),
        ("Providers", "catalog.provider", "hub"),
        ("Provider checks", "catalog.providercheck", "monitor_heart"),
        ("Custom endpoints", "catalog.customendpoint", "dns"),
        ("Endpoints", "catalog.endpoint", "conversion_path"),
        ("Credentials", "catalog.credential", "lock"),
    ],
    "System": [
        ("Audit", "pghistory.events", "history"),
        ("Schedules", "django_celery_beat.periodictask", "schedule"),
        ("Users", "auth.user", "person"),
        ("Groups", "auth.group", "group"),
        ("Operator tokens", "tenants.operatortoken", "badge"),
    ],
}

# Pages that belong to no model: what is needed to see them.
_TOOLS = {
    "Catalog": [("Explain a route", "explain", "route", PERMISSIONS)],
}


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
            if request.user.has_perms(needed)
        ]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def _may_view(request: HttpRequest, label: str) -> bool:
    app, model = label.split(".")
    return any(
        request.user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change")
    )


def icon_url(request: HttpRequest) -> str:
    return static("signalbox/icon.svg")


def style_url(request: HttpRequest) -> str:
    return static("signalbox/admin.css")
