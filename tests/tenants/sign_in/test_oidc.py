"""Sign-in by OpenID Connect, against a provider that answers over real HTTP."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from tenants.models import Membership, Organization, Role
from tests.admin_pages import text_of
from tests.people import person
from tests.tenants.sign_in.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityProvider,
)

pytestmark = pytest.mark.django_db

ADA = {"sub": "ada-1", "email": "ada@example.com", "email_verified": True}


@pytest.fixture(scope="module")
def _provider() -> Iterator[IdentityProvider]:
    provider = IdentityProvider()
    yield provider
    provider.stop()


@pytest.fixture
def provider(_provider: IdentityProvider, settings: Any) -> IdentityProvider:
    cache.clear()
    _provider.person, _provider.wrong = dict(ADA), ""
    _provider.asked.clear()
    configured = {
        "issuer": _provider.issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "name": "Example",
    }
    settings.OIDC = {**settings.OIDC, **configured}
    app = {
        "provider_id": "oidc",
        "name": "Example",
        "client_id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "settings": {"server_url": _provider.issuer},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}
    }
    return _provider


@pytest.fixture
def acme() -> Organization:
    return Organization.objects.create(slug="acme", name="Acme")


def sign_in(client: Client, **query: str) -> Any:
    """Press the button, and go where the browser is led, until the admin answers."""
    to_provider = client.post("/admin/login/oidc/", query_params=query)
    assert to_provider.status_code == 302, to_provider
    led = httpx.get(to_provider.headers["Location"])
    back = urlsplit(led.headers["Location"])
    return client.get(f"{back.path}?{back.query}")


def is_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def refusal(client: Client, response: Any) -> str:
    assert response.headers["Location"] == "/admin/login/"
    assert not is_in(client)
    return text_of(client.get("/admin/login/"))


def test_somebody_whom_an_owner_added_comes_in_by_their_address(
    client: Client, provider: IdentityProvider, acme: Organization
) -> None:
    user = person(Role.ANALYST, acme, "ada", email="Ada@example.com")

    answer = sign_in(client, next="/admin/tenants/project/")

    assert answer.headers["Location"] == "/admin/tenants/project/"
    assert client.session["_auth_user_id"] == str(user.pk)
    assert is_in(client)


def test_the_provider_is_asked_with_state_and_proof_key(
    client: Client, provider: IdentityProvider, acme: Organization
) -> None:
    person(Role.ANALYST, acme, "ada", email="ada@example.com")

    sign_in(client)

    asked = provider.asked[0]
    assert asked["code_challenge_method"] == "S256"
    assert asked["state"]
    assert set(asked["scope"].split()) == {"openid", "profile", "email"}
    assert asked["redirect_uri"] == "http://testserver/admin/login/oidc/callback/"


def test_the_password_that_an_inviter_may_know_is_taken_away(
    client: Client, provider: IdentityProvider, acme: Organization
) -> None:
    user = person(Role.ANALYST, acme, "ada", email="ada@example.com")

    sign_in(client)

    user.refresh_from_db()
    assert not user.has_usable_password()


def test_somebody_who_is_not_known_is_not_let_in_and_leaves_no_user(
    client: Client, provider: IdentityProvider
) -> None:
    answer = sign_in(client)

    assert "ada@example.com is not known here" in refusal(client, answer)
    assert not User.objects.exists()


def test_an_address_that_was_not_verified_is_not_believed(
    client: Client, provider: IdentityProvider, acme: Organization
) -> None:
    person(Role.OWNER, acme, "ada", email="ada@example.com")
    provider.person["email_verified"] = False

    assert "does not say that it verified" in refusal(client, sign_in(client))


def test_groups_give_roles_and_take_them_away(
    client: Client, provider: IdentityProvider, acme: Organization, settings: Any
) -> None:
    settings.OIDC = {
        **settings.OIDC,
        "groups": {
            "ops": {"organization": "acme", "role": "operator"},
            "all": {"organization": "acme", "role": "read_only"},
            "root": {"organization": "", "role": "owner"},
        },
    }
    provider.person["groups"] = ["all", "ops", "others"]

    sign_in(client)
    held = Membership.objects.get()
    first = (held.user.email, held.organization, held.role)
    provider.person["groups"] = ["all"]
    sign_in(Client())
    second = list(Membership.objects.values_list("organization__slug", "role"))
    provider.person["groups"] = []
    other = Client()
    answer = sign_in(other)

    assert first == ("ada@example.com", acme, "operator")
    assert second == [("acme", "read_only")]
    assert "is not known here" in refusal(other, answer)
    assert User.objects.count() == 1


def test_a_default_role_is_given_once(
    client: Client, provider: IdentityProvider, acme: Organization, settings: Any
) -> None:
    settings.OIDC = {
        **settings.OIDC,
        "default_role": "read_only",
        "organization": "acme",
    }

    sign_in(client)
    assert is_in(client)
    Membership.objects.all().delete()

    again = Client()
    assert "is not known here" in refusal(again, sign_in(again))


@pytest.mark.parametrize(
    "wrong",
    [
        "signature",
        "audience",
        "expired",
        "no_id_token",
        "other_person",
        "denied",
        "issuer",
    ],
)
def test_what_is_not_signed_for_us_is_refused(
    client: Client, provider: IdentityProvider, acme: Organization, wrong: str
) -> None:
    person(Role.OWNER, acme, "ada", email="ada@example.com")
    provider.wrong = wrong

    start = client.post if wrong == "issuer" else None
    answer = start("/admin/login/oidc/") if start else sign_in(client)

    assert "did not work" in refusal(client, answer)


def test_an_answer_that_another_browser_asked_for_is_refused(
    client: Client, provider: IdentityProvider, acme: Organization
) -> None:
    person(Role.OWNER, acme, "ada", email="ada@example.com")
    attacker = Client()
    led = httpx.get(attacker.post("/admin/login/oidc/").headers["Location"])
    back = urlsplit(led.headers["Location"])
    assert parse_qs(back.query)["state"]

    answer = client.get(f"{back.path}?{back.query}")

    assert "did not work" in refusal(client, answer)


def test_an_address_elsewhere_is_not_led_to(
    client: Client, provider: IdentityProvider, acme: Organization
) -> None:
    person(Role.ANALYST, acme, "ada", email="ada@example.com")

    answer = sign_in(client, next="https://elsewhere.example/")

    assert answer.headers["Location"] == "/admin/"


def test_the_button_is_shown_only_where_it_works(client: Client) -> None:
    assert "Sign in with" not in text_of(client.get("/admin/login/"))
    assert client.post("/admin/login/oidc/").status_code == 404
    assert client.get("/admin/login/oidc/callback/").status_code == 404


def test_the_sign_in_page_names_the_provider(
    client: Client, provider: IdentityProvider
) -> None:
    assert "Sign in with Example" in text_of(client.get("/admin/login/"))


def test_a_provider_that_is_down_is_told_of(
    client: Client, provider: IdentityProvider, settings: Any
) -> None:
    app = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"][0]
    app["settings"]["server_url"] = "http://127.0.0.1:9"

    answer = client.post("/admin/login/oidc/")

    assert "did not work" in refusal(client, answer)
