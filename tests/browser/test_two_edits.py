"""Two people have the same form open: what the second one sees."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tenants.models import Project
from tests.browser.test_admin import operator  # noqa: F401
from tests.gateway.rows import make_project

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def test_a_stale_form_shows_what_changed_and_keeps_what_was_typed(
    operator: Page,  # noqa: F811
    admin_user: User,
) -> None:
    project = make_project()
    operator.goto(f"/admin/tenants/project/{project.pk}/change/")
    Project.objects.filter(pk=project.pk).update(name="By somebody else")

    operator.fill("#id_name", "By me")
    operator.locator("button[name=_save]").click()

    expect(operator.get_by_text("Changed since you opened this page")).to_be_visible()
    expect(operator.locator(".sb-after").first).to_have_text("By somebody else")
    expect(operator.locator("#id_name")).to_have_value("By me")
    operator.locator("button[name=_save]").click()
    expect(operator.get_by_text("changed successfully")).to_be_visible()
    assert Project.objects.get().name == "By me"
