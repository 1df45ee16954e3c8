"""Signing in and the second factor, as a person meets them."""

import time

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.cache import cache
from playwright.sync_api import Page, expect

from tenants.models import Role
from tests.gateway.rows import make_alias, make_model, make_project, make_provider
from tests.people import person

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

PASSWORD = "a-long-pass-phrase"


def sign_in(page: Page) -> None:
    page.goto("/")
    page.fill("#id_username", "ann")
    page.fill("#id_password", PASSWORD)
    page.click("#login-form button[type=submit]")


def test_a_second_factor_is_set_up_and_asked_for(page: Page) -> None:
    cache.clear()
    person(Role.OPERATOR, make_project().organization)

    sign_in(page)
    page.goto("/admin/two-factor/")
    page.get_by_role("link", name="Set it up").click()
    secret = page.locator(".sb-key").inner_text()
    page.fill("#id_code", code_of(secret))
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_text("Keep these codes")).to_be_visible()
    cache.clear()
    page.context.clear_cookies()
    sign_in(page)
    expect(page.get_by_text("Open your authenticator app")).to_be_visible()
    page.fill("#id_code", code_of(secret))
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_text("Overview").first).to_be_visible()


def test_a_read_only_person_sees_the_configuration_alone(page: Page) -> None:
    cache.clear()
    project = make_project()
    make_alias("fast", make_model(make_provider()))
    person(Role.READ_ONLY, project.organization)

    page.goto("/admin/login/")
    sign_in(page)
    expect(page.get_by_role("link", name="Projects").first).to_be_visible()
    assert page.get_by_role("link", name="Hourly usage").count() == 0
    page.goto("/admin/catalog/alias/")
    page.get_by_role("link", name="fast").click()

    expect(page.locator("button[name=_save]")).to_have_count(0)


def test_an_owner_invites_somebody(page: Page) -> None:
    cache.clear()
    person(Role.OWNER, make_project().organization)

    sign_in(page)
    page.get_by_role("link", name="People").click()
    page.goto("/admin/tenants/membership/add/")
    page.fill("#id_person", "new@example.com")
    page.locator("#id_organization + .select2 .select2-selection").click()
    page.locator(".select2-results__option", has_text="Default").first.click()
    page.locator("button[name=_save]").click()
    link = page.locator("#invitation-link").inner_text()
    page.context.clear_cookies()
    page.goto(link)
    page.fill("#id_new_password1", "another-pass-phrase")
    page.fill("#id_new_password2", "another-pass-phrase")
    page.get_by_role("button", name="Keep this password").click()

    expect(page.locator("#id_username")).to_be_visible()


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
