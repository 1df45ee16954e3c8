"""The second factor: set up, asked for, and required where the installation says so."""

import re
import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from tenants.models import Organization, Role
from tests.admin_pages import text_of
from tests.people import person

pytestmark = pytest.mark.django_db

LOGIN, CODE = "/admin/login/", "/admin/login/code/"
ENROL = "/admin/two-factor/set-up/"
PASSWORD = "a-long-pass-phrase"


@pytest.fixture(autouse=True)
def nobody_tried() -> None:
    cache.clear()


@pytest.fixture
def ann() -> User:
    organization = Organization.objects.create(slug="acme", name="Acme")
    return person(Role.OPERATOR, organization)


def sign_in(client: Client) -> Any:
    return client.post(LOGIN, {"username": "ann", "password": PASSWORD})


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def enrol(client: Client) -> tuple[str, list[str]]:
    """Sign in, set the second factor up, and return its secret and recovery codes."""
    sign_in(client)
    page = client.get(ENROL).content.decode()
    found = re.search(r'class="sb-key">([A-Z2-7]+)<', page)
    assert found is not None, page[:500]
    done = client.post(ENROL, {"code": code_of(found[1])})
    assert done.status_code == 302, text_of(done)
    codes = text_of(client.get(done.headers["Location"]))
    return found[1], re.findall(r"\b\d{8}\b", codes)


def test_who_has_set_it_up_is_asked_for_a_code(client: Client, ann: User) -> None:
    secret, _ = enrol(client)
    client.post("/admin/logout/")
    cache.clear()

    asked = sign_in(client)
    before = client.get("/admin/").status_code
    wrong = client.post(CODE, {"code": "000000"})
    let_in = client.post(CODE, {"code": code_of(secret)})

    assert asked.headers["Location"] == CODE
    assert before == 302
    assert "Incorrect code" in text_of(wrong)
    assert let_in.headers["Location"] == "/admin/"
    assert client.get("/admin/").status_code == 200


def test_a_recovery_code_lets_in_once(client: Client, ann: User) -> None:
    _, codes = enrol(client)
    assert len(codes) == 10

    first, second = Client(), Client()
    sign_in(first)
    sign_in(second)

    assert first.post(CODE, {"code": codes[0]}).status_code == 302
    assert "Incorrect code" in text_of(second.post(CODE, {"code": codes[0]}))


def test_recovery_codes_are_shown_once(client: Client, ann: User) -> None:
    enrol(client)

    page = text_of(client.get("/admin/two-factor/codes/"))

    assert "10 of 10 recovery codes left" in page
    assert not re.search(r"\b\d{8}\b", page)


def test_codes_are_not_guessed(client: Client, ann: User) -> None:
    secret, _ = enrol(client)
    other = Client()
    sign_in(other)

    for _ in range(5):
        other.post(CODE, {"code": "000000"})

    assert "Too many failed login" in text_of(
        other.post(CODE, {"code": code_of(secret)})
    )


def test_a9_codes_are_not_guessed_while_redis_is_away(
    client: Client, ann: User, settings: Any
) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "config.cache.LastingCache",
            "LOCATION": "redis://127.0.0.1:9/0",
        }
    }
    cache.clear()
    secret, _ = enrol(client)
    other = Client()
    sign_in(other)

    for _ in range(5):
        other.post(CODE, {"code": "000000"})

    assert "Too many failed login" in text_of(
        other.post(CODE, {"code": code_of(secret)})
    )


def test_the_secret_is_sealed(client: Client, ann: User) -> None:
    secret, codes = enrol(client)

    stored = str(list(Authenticator.objects.values_list("data", flat=True)))

    assert secret not in stored
    assert not any(code in stored for code in codes)


def test_it_is_turned_off_again(client: Client, ann: User) -> None:
    enrol(client)

    client.post("/admin/two-factor/off/")

    assert not Authenticator.objects.exists()
    assert "is off" in text_of(client.get("/admin/two-factor/"))


def test_the_code_page_opens_for_nobody_who_gave_no_password(client: Client) -> None:
    assert client.get(CODE).headers["Location"] == LOGIN


@pytest.mark.parametrize(
    ("required", "role", "has_to"),
    [
        ("off", Role.OWNER, False),
        ("owners", Role.OPERATOR, False),
        ("owners", Role.OWNER, True),
        ("all", Role.READ_ONLY, True),
    ],
)
def test_only_the_enrolment_opens_to_who_has_to_have_it(
    client: Client, settings: Any, required: str, role: str, has_to: bool
) -> None:
    settings.REQUIRE_TWO_FACTOR = required
    organization = Organization.objects.create(slug="acme", name="Acme")
    person(role, organization)
    sign_in(client)

    for path in ("/admin/", "/admin/tenants/project/", "/admin/two-factor/"):
        response = client.get(path)
        if has_to:
            assert response.headers["Location"] == ENROL
        else:
            assert response.status_code == 200
    if has_to:
        assert client.get("/api/schema/").status_code == 403
        enrol(client)
        assert client.get("/admin/tenants/project/").status_code == 200


def test_superusers_lose_nothing_to_another_superuser_but_a_lost_device(
    client: Client, admin_client: Client, ann: User
) -> None:
    enrol(client)

    admin_client.post(
        "/admin/auth/user/",
        {"action": "remove_second_factor", "_selected_action": [ann.pk]},
    )

    assert not Authenticator.objects.exists()
