"""What browsers are told, and what Django's own checks say of production settings."""

import os
import subprocess
import sys

import pytest
from django.test import Client
from pytest_django import Settings

from config.embedded import CHECKOUT
from tests.admin_pages import text_of

OPTIONS = ["--deploy", "--database", "default", "--fail-level", "INFO"]
PRODUCTION = {
    "SECRET_KEY": "".join(chr(33 + number) for number in range(90)).replace("$", ""),
    "SIGNALBOX_KEK": "k1:" + "A" * 43 + "=",
    "SIGNALBOX_HTTPS": "true",
    "ALLOWED_HOSTS": "signalbox.example",
    "DEBUG": "false",
    "SIGNALBOX_EMBEDDED": "off",
}


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/", "/admin/login/", "/api/docs/"])
def test_pages_tell_browsers_what_they_may_do(admin_client: Client, path: str) -> None:
    headers = admin_client.get(path, follow=True).headers

    policy = dict(
        part.strip().partition(" ")[::2]
        for part in headers["Content-Security-Policy"].split(";")
    )
    assert "'unsafe-inline'" not in policy["script-src"]
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db
def test_the_sign_in_page_may_lead_on_to_the_identity_provider(
    client: Client, settings: object
) -> None:
    settings.OIDC = {**settings.OIDC, "issuer": "https://id.example"}  # type: ignore[attr-defined]

    policy = client.get("/admin/login/").headers["Content-Security-Policy"]

    assert "form-action" not in policy
    assert "form-action" in client.get("/api/docs/").headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_what_somebody_typed_is_text(admin_client: Client) -> None:
    script = "<script>alert(1)</script>"

    for path in ("/admin/tenants/project/", "/admin/pghistory/events/"):
        page = admin_client.get(path, {"q": script}).content.decode()
        assert script not in page


def test_the_checks_for_production_find_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check", *OPTIONS],
        cwd=CHECKOUT,
        env={
            **os.environ,
            **PRODUCTION,
            "DJANGO_SETTINGS_MODULE": "config.settings",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_a_failed_page_shows_no_internals(client: Client) -> None:
    response = client.get("/no/such/page")

    assert response.status_code == 404
    assert "Traceback" not in text_of(response)


@pytest.mark.django_db
def test_pages_answer_to_their_own_hosts_only_c7(
    client: Client, settings: Settings
) -> None:
    settings.ALLOWED_HOSTS = ["signalbox.example"]

    statuses = {
        host: client.get("/admin/login/", headers={"host": host}).status_code
        for host in ("signalbox.example", "evil.example", "signalbox.example@evil", "")
    }

    assert statuses.pop("signalbox.example") == 200
    assert set(statuses.values()) == {400}
