"""The page of quality and the list of feedback, as somebody who looks sees them."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.browser.test_request_and_project import both_widths, fits, sign_in
from tests.factories import ProjectFactory
from tests.usage.test_overview import make_day
from tests.usage.test_quality import feedback

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@both_widths
def test_flaws_and_opinions_stand_beside_models_and_lead_to_what_was_said(
    page: Page, admin_user: User, tmp_path: Path, width: int, height: int
) -> None:
    project = ProjectFactory.create(slug="acorn")
    for days_ago in range(1, 6):
        make_day(project, days_ago, truncated=days_ago, refused=1, violations=2)
    feedback(project, 1)
    feedback(project, 0.5)
    sign_in(page, admin_user, width, height)

    page.goto("/admin/quality/?days=30")

    row = page.get_by_role("row", name="acme/large")
    expect(row).to_contain_text("0.75")
    expect(page.get_by_text("Answers with a flaw")).to_be_visible()
    assert fits(page)
    page.screenshot(path=tmp_path / f"quality-{width}.png", full_page=True)

    row.get_by_role("link", name="2", exact=True).click()

    expect(page.get_by_text("acme/large").first).to_be_visible()
    assert fits(page)
    page.screenshot(path=tmp_path / f"feedback-{width}.png", full_page=True)
