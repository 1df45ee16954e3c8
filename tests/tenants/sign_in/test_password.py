"""Signing in by password: who is let in, and how often one may try."""

from ipaddress import ip_network
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from tenants.models import Organization, Role
from tests.admin_pages import text_of
from tests.people import person

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"


@pytest.fixture(autouse=True)
def nobody_tried() -> None:
    cache.clear()


@pytest.fixture
def ann() -> User:
    organization = Organization.objects.create(slug="acme", name="Acme")
    return person(Role.READ_ONLY, organization)


def sign_in(client: Client, password: str, **more: str) -> str:
    """Return where the browser is led to, or what the page says."""
    given = {"username": "ann", "password": password}
    response = client.post(LOGIN, given, **more)  # type: ignore[arg-type]
    return str(response.headers.get("Location") or text_of(response))


def test_a_role_in_one_organization_lets_in(client: Client, ann: User) -> None:
    assert sign_in(client, "a-long-pass-phrase") == "/admin/"
    assert client.get("/admin/").status_code == 200
    assert not ann.is_staff


def test_somebody_without_a_role_is_told_whom_to_ask(client: Client) -> None:
    User.objects.create_user("ann", password="a-long-pass-phrase", is_staff=True)

    assert "You have no role here yet" in sign_in(client, "a-long-pass-phrase")
    assert client.get("/admin/").status_code == 302


def test_a_deactivated_user_is_not_let_in(client: Client, ann: User) -> None:
    ann.is_active = False
    ann.save()

    assert "correct username and password" in sign_in(client, "a-long-pass-phrase")


def test_after_five_wrong_passwords_the_right_one_has_to_wait(
    client: Client, ann: User
) -> None:
    for number in range(5):
        said = sign_in(client, "wrong", REMOTE_ADDR=f"192.0.2.{number}")
        assert "correct username and password" in said

    assert "Too many failed login attempts" in sign_in(client, "a-long-pass-phrase")


def test_one_address_does_not_try_one_user_after_the_other(
    client: Client, ann: User
) -> None:
    for number in range(20):
        client.post(LOGIN, {"username": f"user-{number}", "password": "wrong"})

    assert "Too many failed login attempts" in sign_in(client, "a-long-pass-phrase")
    assert sign_in(client, "a-long-pass-phrase", REMOTE_ADDR="192.0.2.9") == "/admin/"


def test_behind_a_proxy_the_address_is_the_one_that_it_tells(
    client: Client, ann: User, settings: Any
) -> None:
    settings.TRUSTED_PROXIES = (ip_network("127.0.0.0/8"),)
    for number in range(20):
        client.post(
            LOGIN,
            {"username": f"user-{number}", "password": "wrong"},
            HTTP_X_FORWARDED_FOR="198.51.100.7",
        )

    same = sign_in(client, "a-long-pass-phrase", HTTP_X_FORWARDED_FOR="198.51.100.7")
    other = sign_in(client, "a-long-pass-phrase", HTTP_X_FORWARDED_FOR="198.51.100.8")

    assert "Too many failed login attempts" in same
    assert other == "/admin/"


def test_signing_in_makes_a_new_session(client: Client, ann: User) -> None:
    session = client.session
    session["planted"] = True
    session.save()
    planted = str(session.session_key)
    client.cookies["sessionid"] = planted

    sign_in(client, "a-long-pass-phrase")

    assert client.session.session_key != planted


def test_signing_out_ends_the_session(client: Client, ann: User) -> None:
    sign_in(client, "a-long-pass-phrase")
    key = client.cookies["sessionid"].value

    client.post("/admin/logout/")

    assert not Client(HTTP_COOKIE=f"sessionid={key}").session.get("_auth_user_id")
    assert client.get("/admin/").status_code == 302


def test_the_login_works_while_redis_is_away(
    client: Client, ann: User, settings: Any
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "config.cache.LastingCache",
            "LOCATION": "redis://127.0.0.1:9/0",
        }
    }
    cache.clear()

    assert sign_in(client, "a-long-pass-phrase") == "/admin/"


def test_a9_attempts_are_counted_while_redis_is_away(
    client: Client, ann: User, settings: Any
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "config.cache.LastingCache",
            "LOCATION": "redis://127.0.0.1:9/0",
        }
    }
    cache.clear()
    for number in range(5):
        sign_in(client, "wrong", REMOTE_ADDR=f"192.0.2.{number}")

    assert "Too many failed login attempts" in sign_in(client, "a-long-pass-phrase")


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/signup/",
        "/accounts/login/",
        "/accounts/password/reset/",
        "/accounts/email/",
        "/accounts/social/signup/",
        "/admin/signup/",
    ],
)
def test_no_route_of_the_library_is_open_that_is_not_used(
    client: Client, path: str
) -> None:
    response = client.get(path)

    assert response.status_code == 404 or "/login/" in response.headers["Location"]
