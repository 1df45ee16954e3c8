"""The first page, as somebody who looks sees it."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tests.factories import ProjectFactory
from tests.usage.test_overview import make_day

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_the_overview_is_drawn_and_filtered(
    page: Page, admin_user: User, width: int, height: int
) -> None:
    project = ProjectFactory.create(slug="acorn")
    for days in range(5):
        make_day(project, days, cost_usd=Decimal(days), feature="summary")
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/")
    page.fill("#id_username", admin_user.get_username())
    page.fill("#id_password", "password")
    page.click("button[type=submit]")

    expect(page.get_by_role("link", name="Events 50")).to_be_visible()
    charts = page.locator("canvas.chart")
    expect(charts).to_have_count(6)
    drawn = charts.first.evaluate(
        "canvas => canvas.getContext('2d')"
        ".getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    )
    assert drawn
    fits = page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    assert fits

    page.select_option("#days", "30")
    page.fill("#project", "acorn")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Cost $10.0000").click()

    expect(page.locator("#result_list")).to_contain_text("acme/large")
