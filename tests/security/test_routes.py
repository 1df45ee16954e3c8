"""Every route says who may use it, and is closed to everybody else."""

import re

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import get_resolver

from tenants.access_table import ACCESS
from tests.security.routes import STATED, Route, all_routes, stated

ROUTES = list(all_routes(get_resolver()))
CLOSED = {"a role", "signed in", "who has given the password"}


def test_every_route_says_who_may_use_it() -> None:
    silent = [route.path for route in ROUTES if stated(route) is None]

    assert silent == [], "name them in tests/security/routes.py"


def test_every_page_of_the_admin_says_what_role_it_takes() -> None:
    silent = {model._meta.label_lower for model in admin.site._registry} - set(ACCESS)

    assert silent == set(), "name them in tenants/access_table.py"


def test_no_route_is_stated_that_is_not_there() -> None:
    paths = [route.path for route in ROUTES]
    gone = [path for path in STATED if not any(each.startswith(path) for each in paths)]

    assert gone == []


@pytest.mark.django_db
def test_whoever_has_not_signed_in_gets_in_nowhere(client: Client) -> None:
    open_to_all = []
    for route in ROUTES:
        if stated(route) not in CLOSED:
            continue
        for method in (client.get, client.post):
            response = method(address(route))
            refused = response.status_code in {401, 403, 404, 405}
            if not refused and "/login/" not in response.headers.get("Location", ""):
                open_to_all.append((route.path, response.status_code))

    assert open_to_all == []


@pytest.mark.django_db
def test_a_user_without_any_role_gets_in_nowhere(
    client: Client, django_user_model: type
) -> None:
    client.force_login(django_user_model.objects.create_user("eve", is_staff=True))  # type: ignore[attr-defined]
    let_in = []
    for route in ROUTES:
        if stated(route) != "a role":
            continue
        response = client.get(address(route))
        refused = response.status_code in {401, 403, 404, 405}
        if not refused and "/login/" not in response.headers.get("Location", ""):
            let_in.append((route.path, response.status_code))

    assert let_in == []


def address(route: Route) -> str:
    blank = re.compile(r"\(\?P<\w+>[^()]*(?:\([^()]*\)[^()]*)*\)|<[^>]+>")
    return "/" + blank.sub("1", route.path).replace("\\", "").rstrip("?")
