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
from django.urls import NoReverseMatch, get_resolver, reverse
from pytest_django import DjangoDbBlocker

from tenants.models import Membership, Role
from tests.admin_pages import form_of
from tests.security.routes import METHODS, Route, all_routes, methods_of
from tests.security.tenants import (
    ROLES,
    Tenant,
    member,
    roles_that_differ,
    state_of,
    strangers_pointing_to,
    two_tenants,
)

pytestmark = [pytest.mark.system, pytest.mark.django_db, pytest.mark.timeout(300)]

OURS, THEIRS = "birchcanary7", "cedarcanary7"
# Enough to find rows by; a page that repeats it shows no canary.
SEARCHED = THEIRS[:-3]
PAGES = {model._meta.label_lower: model for model in admin.site._registry}
WITH_ROWS = sorted(
    label
    for label, model in PAGES.items()
    if model._meta.managed and label != "auth.user"
)


@pytest.fixture(scope="module")
def tenants(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[tuple[Tenant, Tenant]]:
    with django_db_blocker.unblock(), two_tenants(OURS, THEIRS) as both:
        yield both


@pytest.fixture
def ours(tenants: tuple[Tenant, Tenant], db: None) -> Tenant:
    return tenants[0].copy()


@pytest.fixture
def theirs(tenants: tuple[Tenant, Tenant], db: None) -> Tenant:
    return tenants[1].copy()


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
    walk(label, roles_that_differ(label), ours, theirs, people)


@pytest.mark.long
@pytest.mark.parametrize("label", WITH_ROWS)
def test_pages_show_and_change_nothing_whatever_the_role(
    label: str, ours: Tenant, theirs: Tenant, people: dict[str, Client]
) -> None:
    walk(label, ROLES, ours, theirs, people)


def walk(
    label: str,
    roles: list[Role],
    ours: Tenant,
    theirs: Tenant,
    people: dict[str, Client],
) -> None:
    model = PAGES[label]
    before = state_of(theirs)
    shown = []
    for role in roles:
        client = people[role]
        doors = chain(
            looked_at(client, model, ours, theirs), pushed(client, model, theirs)
        )
        # Whoever may most may forge most; the others are refused before a form is read.
        forms = forged_forms if role == Role.OWNER else forged_once
        for what, response in chain(doors, forms(client, model, ours, theirs)):
            assert response.status_code < 500, (role, what)
            if shows(response):
                shown.append((role, what, response.status_code))

    assert shown == []
    assert state_of(theirs) == before
    assert strangers_pointing_to(theirs) == []


def looked_at(
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
    yield "form of a new row", client.get(reverse(f"{name}_add"))
    for own in ("change", "history", "delete"):
        url = reverse(f"{name}_{own}", args=[key_of(ours, model)])
        yield f"own {own}", client.get(url)
    for url in addresses(page, name, theirs_pk):
        yield f"GET {url}", client.get(url)


def pushed(
    client: Client, model: type[models.Model], theirs: Tenant
) -> Iterator[tuple[str, Any]]:
    """Send every action and button of the model for one of their rows."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    page = admin.site._registry[model]
    theirs_pk = key_of(theirs, model)
    for action in [*page._get_base_actions(), ("", "delete_selected")]:  # type: ignore[attr-defined]
        sent = {
            "action": action[1],
            "_selected_action": theirs_pk,
            "select_across": "1",
            "confirmed": "yes",
            "post": "yes",
            "index": "0",
        }
        yield f"action {action[1]}", client.post(reverse(f"{name}_changelist"), sent)
    for url in addresses(page, name, theirs_pk):
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


def routes_with_sessions() -> list[Route]:
    """Return the routes outside of the admin that take a session of it.

    Those without a final slash are left out: another test shows that they are the same.
    """
    return [
        route
        for route in all_routes(get_resolver())
        if route.path.startswith("api/control/") and "control-bare:" not in route.name
    ]


def test_a_route_without_its_slash_leads_to_the_same_view() -> None:
    bare: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    for route in all_routes(get_resolver()):
        if route.path.startswith("api/control/v1/") and "control-" in route.name:
            found = bare if "control-bare:" in route.name else whole
            callback: Any = route.pattern.callback
            # The first request adds HEAD.
            actions = {**callback.actions, "head": None}
            found[route.path.rstrip("/")] = (callback.cls, actions)

    assert len(bare) > 50
    assert bare == whole


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
        for method, path in with_methods(route, filled(route, theirs)):
            for body in [{}] if method in METHODS[:2] else bodies:
                send = getattr(client, method.lower())
                response = (
                    send(path, {"page_size": 100})
                    if method == "GET"
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


def with_methods(route: Route, paths: list[str]) -> Iterator[tuple[str, str]]:
    """Yield each method for each address; what is refused anyway for one alone."""
    allowed = methods_of(route.pattern)
    for number, path in enumerate(paths):
        for method in METHODS:
            if number == 0 or method in allowed:
                yield method, path


def filled(route: Route, theirs: Tenant) -> list[str]:
    """Return the addresses of a route with keys of their rows in place of what it takes."""
    path = route.path
    view = getattr(route.pattern.callback, "cls", None)
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

    # To look is what the role is for.
    for label in WITH_ROWS:
        for what, response in pushed(client, PAGES[label], theirs):
            assert response.status_code < 500, what

    assert state_of(theirs) == before
