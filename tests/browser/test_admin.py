import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from catalog.models import Alias
from tenants.keys import digest_of
from tenants.models import ApiKey
from tests.gateway.rows import make_alias, make_model, make_project, make_provider

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@pytest.fixture
def operator(page: Page, admin_user: User) -> Page:
    """The admin's page, logged in through the form."""
    page.goto("/")
    page.fill("#id_username", admin_user.get_username())
    page.fill("#id_password", "password")
    page.click("button[type=submit]")
    expect(page.get_by_text("Failed attempts")).to_be_visible()
    return page


def choose(page: Page, field: str, text: str) -> None:
    """Choose a row in a field that offers rows while one types."""
    page.locator(f"#{field} + .select2 .select2-selection").click()
    page.locator(".select2-search__field").last.fill(text)
    page.locator(".select2-results__option", has_text=text).first.click()


def test_the_target_of_an_alias_is_changed_and_the_audit_tells(operator: Page) -> None:
    provider = make_provider()
    alias = make_alias("fast", make_model(provider, "one"))
    make_model(provider, "two")

    operator.get_by_role("link", name="Aliases").click()
    operator.get_by_role("link", name="fast").click()
    choose(operator, "id_targets-0-model", "two")
    operator.locator("button[name=_save]").click()
    expect(operator.get_by_text("changed successfully")).to_be_visible()
    operator.get_by_role("link", name="Audit").click()

    newest = operator.locator(".sb-entries tbody tr").first
    expect(newest).to_contain_text("admin")
    expect(newest).to_contain_text("alias fast")
    expect(newest.locator(".sb-before")).to_have_text("acme/one")
    expect(newest.locator(".sb-after")).to_have_text("acme/two")
    assert str(Alias.objects.get(pk=alias.pk).targets.get()) == "acme/two"


def test_a_key_is_issued_and_seen_once(operator: Page) -> None:
    make_project()

    operator.goto("/admin/tenants/apikey/add/")
    choose(operator, "id_project", "acorn")
    operator.fill("#id_name", "laptop")
    operator.locator("button[name=_save]").click()
    text = operator.locator("#issued-key").inner_text()
    operator.get_by_role("button", name="Copy").click()
    expect(operator.locator("[data-copy]")).not_to_have_text("Copy")
    operator.get_by_role("link", name="I have copied it").click()

    expect(operator.get_by_role("link", name="laptop")).to_be_visible()
    assert text.split("_")[2] not in operator.content()
    assert bytes(ApiKey.objects.get().digest) == digest_of(text)


def test_a_refusal_is_shown_next_to_what_was_typed(operator: Page) -> None:
    make_alias("fast", make_model(make_provider()))

    operator.goto("/admin/catalog/alias/")
    operator.get_by_role("link", name="fast").click()
    operator.locator(
        "label:has(#id_targets-0-active), #id_targets-0-active"
    ).first.click()
    operator.locator("button[name=_save]").click()

    expect(operator.get_by_text("fast would stand for nothing")).to_be_visible()


def test_the_admin_fits_on_a_phone(operator: Page) -> None:
    operator.set_viewport_size({"width": 390, "height": 844})

    for path in ("", "catalog/alias/", "usage/usageevent/", "pghistory/events/"):
        operator.goto(f"/admin/{path}")
        assert operator.evaluate("document.documentElement.scrollWidth") <= 390
