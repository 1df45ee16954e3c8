"""People of one organization at every door of another: nothing shown, nothing changed.

The routes are read from the URLconf and the rows made from the models, so that whatever
is added is walked too.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import models
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, get_resolver, reverse

from tenants.models import Membership, Role
from tests.admin_pages import form_of
from tests.security.routes import all_routes
from tests.security.tenants import (
    ROLES,
    Tenant,
    full_tenant,
    member,
    state_of,
    strangers_pointing_to,
)

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]

OURS, THEIRS = "birchcanary7", "cedarcanary7"
# Enough to find rows by; a page that repeats it shows no canary.
SEARCHED = THEIRS[:-3]
PAGES = {model._meta.label_lower: model for model in admin.site._registry}
WITH_ROWS = sorted(
    label
    for label, model in PAGES.items()
    if model._meta.managed and label != "auth.user"
)


@pytest.fixture
def ours() -> Tenant:
    return full_tenant(OURS)


@pytest.fixture
def theirs(ours: Tenant) -> Tenant:
    return full_tenant(THEIRS)


@pytest.fixture
def people(ours: Tenant, theirs: Tenant) -> dict[str, Client]:
    """A browser for each role in our organization."""
    cache.clear()
    return {role: signed_in(member(ours, role, role)) for role in ROLES}


def signed_in(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def shows(response: Any) -> bool:
    if getattr(response, "streaming", False):
        return False
    return THEIRS in response.content.decode(errors="replace") or THEIRS in str(
        response.headers
    )


@pytest.mark.parametrize("label", WITH_ROWS)
def test_pages_show_and_change_nothing_of_another_organization(
    label: str, ours: Tenant, theirs: Tenant, people: dict[str, Client]
) -> None:
    model = PAGES[label]
    before = state_of(theirs)
    shown = []
    for role, client in people.items():
        doors = asked(client, model, ours, theirs)
        # Whoever may most may forge most; the others are refused before a form is read.
        forms = forged_forms if role == Role.OWNER else forged_once
        for what, response in chain(doors, forms(client, model, ours, theirs)):
            assert response.status_code < 500, (role, what)
            if shows(response):
                shown.append((role, what, response.status_code))

    assert shown == []
    assert state_of(theirs) == before
    assert strangers_pointing_to(theirs) == []


def asked(
    client: Client, model: type[models.Model], ours: Tenant, theirs: Tenant
) -> Iterator[tuple[str, Any]]:
    """Ask for every page of the model, with keys of the other organization's rows."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    page = admin.site._registry[model]
    listing = reverse(f"{name}_changelist")
    theirs_pk = key_of(theirs, model)
    yield "list", client.get(listing)
    yield "search", client.get(listing, {"q": SEARCHED})
    for column in foreign_keys(model):
        value = key_of(theirs, column.related_model)
        query = {f"{column.name}__id__exact": value}
        yield f"filter {column.name}", client.get(listing, query)
        holder = {
            "app_label": model._meta.app_label,
            "model_name": model._meta.model_name,
            "field_name": column.name,
        }
        for term in ("", SEARCHED):
            answer = client.get("/admin/autocomplete/", {**holder, "term": term})
            yield f"autocomplete {column.name}", answer
    for action in [*page._get_base_actions(), ("", "delete_selected")]:  # type: ignore[attr-defined]
        sent = {
            "action": action[1],
            "_selected_action": theirs_pk,
            "select_across": "1",
            "confirmed": "yes",
            "post": "yes",
            "index": "0",
        }
        yield f"action {action[1]}", client.post(listing, sent)
    yield "form of a new row", client.get(reverse(f"{name}_add"))
    for own in ("change", "history", "delete"):
        url = reverse(f"{name}_{own}", args=[key_of(ours, model)])
        yield f"own {own}", client.get(url)
    for url in addresses(page, name, theirs_pk):
        yield f"GET {url}", client.get(url)
        yield f"POST {url}", client.post(url, {"post": "yes", "grace_hours": "1"})


def addresses(page: Any, name: str, key: str) -> Iterator[str]:
    """Yield every address that the admin has for one row."""
    for route in page.get_urls():
        try:
            yield reverse(f"admin:{route.name}", args=[key])
        except NoReverseMatch:
            continue


def forged_once(
    client: Client, model: type[models.Model], ours: Tenant, theirs: Tenant
) -> Iterator[tuple[str, Any]]:
    """Send the columns of our own row with all keys in exchange for theirs."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    given = {
        column.name: f"forged-{column.name}"
        for column in model._meta.concrete_fields
        if isinstance(column, models.CharField) and not column.choices
    }
    for column in foreign_keys(model):
        given[column.name] = key_of(theirs, column.related_model)
    for url in (
        reverse(f"{name}_change", args=[key_of(ours, model)]),
        reverse(f"{name}_add"),
    ):
        yield f"POST {url}", client.post(url, given)


def forged_forms(
    client: Client, model: type[models.Model], ours: Tenant, theirs: Tenant
) -> Iterator[tuple[str, Any]]:
    """Send the form of our own row, each key in it once in exchange for one of theirs."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    own = reverse(f"{name}_change", args=[key_of(ours, model)])
    change = client.get(own)
    add = reverse(f"{name}_add")
    if change.status_code == 200:
        sent = form_of(client, own)
        for field_name in list(sent):
            foreign = foreign_value(field_name, theirs)
            if foreign is None:
                continue
            forged = {**sent, field_name: foreign}
            yield f"POST {own} {field_name}", client.post(own, forged)
            if "-" not in field_name:
                yield f"POST {add} {field_name}", client.post(add, forged)
    if client.get(add).status_code == 200:
        empty = {**form_of(client, add), "person": f"{THEIRS[:-1]}x@example.com"}
        given = {
            column.name: key_of(theirs, column.related_model)
            for column in foreign_keys(model)
        }
        plain = {
            column.name: f"forged-{column.name}"
            for column in model._meta.concrete_fields
            if isinstance(column, models.CharField) and not column.choices
        }
        yield f"POST {add}", client.post(add, {**plain, **empty, **given})


def foreign_value(field_name: str, theirs: Tenant) -> str | None:
    """Return the key of their row that the field could name, by what the field is called."""
    last = field_name.rsplit("-", 1)[-1]
    if last in BY_FIELD_NAME:
        return key_of(theirs, BY_FIELD_NAME[last])
    if field_name.endswith("-id"):
        prefix = field_name.rsplit("-", 2)[0]
        for model in theirs.rows:
            name = str(model._meta.model_name)
            names = {name, f"{name}s"}
            related = {
                column.remote_field.get_accessor_name()
                for column in model._meta.concrete_fields
                if isinstance(column, models.ForeignKey)
            }
            if prefix in names | related:
                return key_of(theirs, model)
    return None


def foreign_keys(model: type[models.Model]) -> list[Any]:
    return [
        column
        for column in model._meta.concrete_fields
        if isinstance(column, models.ForeignKey)
    ]


def key_of(tenant: Tenant, model: type[models.Model]) -> str:
    concrete = model._meta.concrete_model or model
    if concrete not in tenant.rows and concrete._meta.app_label not in {
        "tenants",
        "catalog",
        "usage",
        "workflows",
        "auth",
    }:
        return "1"
    return str(tenant.row(model).pk)


BY_FIELD_NAME: dict[str, Any] = {
    column.name: column.related_model
    for model in admin.site._registry
    for column in foreign_keys(model)
    if column.related_model._meta.app_label in {"tenants", "catalog", "auth"}
}


@pytest.mark.parametrize("role", ROLES)
def test_other_pages_show_nothing_of_another_organization(
    role: str, theirs: Tenant, people: dict[str, Client]
) -> None:
    before = state_of(theirs)
    client = people[role]
    pages = [
        client.get("/admin/"),
        client.get("/admin/", {"days": "30"}),
        client.get("/admin/search/", {"s": SEARCHED}),
        client.get("/admin/search/", {"s": SEARCHED, "extended": "1"}),
        client.get("/admin/pghistory/events/"),
        client.get("/admin/pghistory/events/", {"q": SEARCHED}),
        client.get("/admin/pghistory/events/", {"user": key_of(theirs, User)}),
        client.get("/admin/explain/"),
        client.post(
            "/admin/explain/",
            {"project": theirs.project.slug, "body": '{"messages": []}'},
        ),
        client.get("/admin/two-factor/"),
        client.get("/admin/password_change/"),
        client.get("/api/docs/"),
        client.get("/api/schema/"),
        client.get("/admin/quality/", {"days": "30"}),
    ]

    # What one has typed is repeated; that it names a project is not said.
    asked_for = pages[8].content.decode().replace(theirs.project.slug, "")
    assert THEIRS not in asked_for
    assert not [at for at, page in enumerate(pages) if at != 8 and shows(page)]
    assert state_of(theirs) == before


def routes_with_sessions() -> list[Any]:
    """Return the routes outside of the admin that take a session of it."""
    return [
        route
        for route in all_routes(get_resolver())
        if route.path.startswith("api/control/")
    ]


@pytest.mark.parametrize("role", ROLES)
def test_the_control_api_shows_and_changes_nothing_of_another_organization(
    role: str, ours: Tenant, theirs: Tenant, people: dict[str, Client]
) -> None:
    before = state_of(theirs)
    client = people[role]
    shown = []
    bodies = [
        {name: key_of(theirs, model) for name, model in BY_FIELD_NAME.items()},
        {"project": theirs.project.slug, "organization": theirs.organization.slug},
    ]
    assert client.get("/api/control/v1/projects/").status_code == 200
    for route in routes_with_sessions():
        for path in filled(route.pattern, route.path, theirs):
            for method in ("get", "delete", "post", "put", "patch"):
                for body in [{}] if method in {"get", "delete"} else bodies:
                    send = getattr(client, method)
                    response = (
                        send(path, {"page_size": 100})
                        if method == "get"
                        else send(path, body, content_type="application/json")
                    )
                    assert response.status_code < 500, (method, path)
                    # An error may repeat what was sent, which tells nothing new.
                    sent = THEIRS in f"{path} {body}"
                    if shows(response) and not (sent and response.status_code >= 400):
                        shown.append((method, path, response.status_code))

    assert shown == []
    assert state_of(theirs) == before
    assert strangers_pointing_to(theirs) == []


def filled(pattern: URLPattern, path: str, theirs: Tenant) -> list[str]:
    """Return the addresses of a route with keys of their rows in place of what it takes."""
    view = getattr(pattern.callback, "cls", None)
    queryset = getattr(view, "queryset", None)
    rows = (
        [theirs.row(queryset.model)]
        if queryset is not None and queryset.model in theirs.rows
        else list(theirs.rows.values())
    )
    if not re.search(r"<|\(\?P", path):
        return ["/" + path]
    keys = {str(row.pk) for row in rows} | {
        str(row.slug) for row in rows if hasattr(row, "slug")
    }
    blank = re.compile(r"\(\?P<\w+>[^()]*(?:\([^()]*\)[^()]*)*\)|<[^>]+>")
    return ["/" + key.join(blank.split(path)) for key in sorted(keys)]


def test_a_role_elsewhere_is_no_role_here(ours: Tenant, theirs: Tenant) -> None:
    """An owner of one organization who may only look in another changes nothing there."""
    guest = member(ours, Role.OWNER, "guest")
    Membership.objects.create(
        user=guest, organization=theirs.organization, role=Role.READ_ONLY
    )
    client = signed_in(guest)
    before = state_of(theirs)

    for label in WITH_ROWS:
        for what, response in asked(client, PAGES[label], ours, theirs):
            assert response.status_code < 500, what

    assert state_of(theirs) == before
