"""Every route of the URLconf, and who may use it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver

from tenants.access_table import ACCESS


@dataclass(frozen=True)
class Route:
    path: str
    name: str
    pattern: URLPattern


def all_routes(
    resolver: URLResolver, prefix: str = "", space: str = ""
) -> Iterator[Route]:
    for each in resolver.url_patterns:
        path = f"{prefix}{_text(each)}"
        if isinstance(each, URLResolver):
            inner = f"{space}{each.namespace}:" if each.namespace else space
            yield from all_routes(each, path, inner)
        else:
            yield Route(path, f"{space}{each.name or ''}", each)


METHODS = ("GET", "DELETE", "POST", "PUT", "PATCH")


def methods_of(pattern: URLPattern) -> frozenset[str]:
    """Return the methods that are more than refused, whatever the address names."""
    actions = getattr(pattern.callback, "actions", None)
    view = getattr(pattern.callback, "cls", None)
    if actions:
        return frozenset(method.upper() for method in actions)
    if view is None:
        return frozenset(METHODS)
    return frozenset(method for method in METHODS if hasattr(view, method.lower()))


def _text(each: Any) -> str:
    return str(each.pattern).removeprefix("^").removesuffix("$").replace("\\Z", "")


# Routes outside of DRF and of the pages of models: who may use them.
STATED = {
    "": "anyone",
    "api/docs/": "anyone",
    "admin/login/": "anyone",
    "admin/login/code/": "who has given the password",
    "admin/login/oidc/": "anyone",
    "admin/login/oidc/callback/": "anyone",
    "admin/login/set-password/<uidb64>/<token>/": "who holds the link",
    "admin/logout/": "anyone",
    "admin/jsi18n/": "a role",
    "admin/": "a role",
    "admin/context-preview/": "a role",
    "admin/explain/": "a role",
    "admin/playground/": "a role",
    "admin/playground/run/": "a role",
    "admin/playground/command/": "a role",
    "admin/quality/": "a role",
    "admin/requests/": "a role",
    "admin/requests/<uuid:request_id>/": "a role",
    "admin/projects/<slug:slug>/": "a role",
    "admin/search/": "a role",
    "admin/autocomplete/": "a role",
    "admin/password_change/": "a role",
    "admin/password_change/done/": "a role",
    "admin/(?P<app_label>": "a role",
    "admin/(?P<url>.*)": "a role",
    "admin/two-factor/": "signed in",
    "admin/two-factor/set-up/": "signed in",
    "admin/two-factor/off/": "signed in",
    "admin/two-factor/codes/": "signed in",
    "admin/two-factor/codes/new/": "signed in",
    "admin/two-factor/password/": "signed in",
    "admin/two-factor/code/": "signed in",
}

# What the permission classes of DRF's views stand for.
PERMISSIONS = {
    "AllowAny": "anyone",
    "HasProjectKey": "a project key",
    "HasKeyScope": "a project key",
    "MayAskModels": "a project key",
    "HasRole": "a role",
    "DenyAll": "nobody",
}


def stated(route: Route) -> str | None:
    """Return who may use the route, or None where nothing says so."""
    view = getattr(route.pattern.callback, "cls", None) or getattr(
        route.pattern.callback, "view_class", None
    )
    classes = getattr(view, "permission_classes", None)
    if classes is not None:
        names = {PERMISSIONS.get(each.__name__) for each in classes}
        return names.pop() if len(names) == 1 else None
    if route.path in STATED:
        return STATED[route.path]
    for start in ("admin/(?P<app_label>",):
        if route.path.startswith(start):
            return STATED[start]
    for model in admin.site._registry:
        meta = model._meta
        if route.path.startswith(f"admin/{meta.app_label}/{meta.model_name}/"):
            return "a role" if meta.label_lower in ACCESS else None
    return None
