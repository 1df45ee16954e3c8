"""The pages of a request and of a project, as somebody who looks sees them."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from tenants.models import ApiKey, Budget, Limit
from tests.factories import AIModelFactory, PriceFactory, ProjectFactory
from tests.usage.requests.test_request_page import fallback_request
from tests.usage.test_overview import make_day
from usage.models import BudgetWindow
from usage.models.budget_window import NANO

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

both_widths = pytest.mark.parametrize(
    ("width", "height"), [(1280, 900), (390, 844)], ids=["desktop", "phone"]
)


def sign_in(page: Page, user: User, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/")
    page.fill("#id_username", user.get_username())
    page.fill("#id_password", "password")
    page.click("button[type=submit]")
    expect(page.get_by_text("Failed attempts")).to_be_visible()


def fits(page: Page) -> bool:
    """Tell whether nothing is wider than the window."""
    found: bool = page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    return found


@both_widths
def test_a_request_is_found_by_its_id_and_explained(
    page: Page, admin_user: User, tmp_path: Path, width: int, height: int
) -> None:
    event = fallback_request(ProjectFactory.create(slug="acorn"))
    model = AIModelFactory.create()
    prices = [
        PriceFactory.create(model=model, component=name, per_million=Decimal(usd))
        for name, usd in (("input", "2.5"), ("output", "10"))
    ]
    event.input_tokens, event.output_tokens = 1240, 312
    event.price_ids = [price.pk for price in prices]
    event.cost_usd = Decimal("0.00622")
    event.save()
    sign_in(page, admin_user, width, height)

    page.goto("/admin/requests/")
    page.get_by_label("Request id").fill(str(event.request_id))
    page.get_by_role("button", name="Find").click()

    timeline = page.get_by_role("region", name="Timeline")
    expect(timeline.locator(".sb-track")).to_have_count(3)
    expect(timeline).to_contain_text("retry, attempt 2")
    expect(timeline).to_contain_text("fallback, attempt 3")
    bar = timeline.locator(".sb-track .sb-bar-answer").bounding_box()
    assert bar is not None
    assert bar["width"] > 20
    route = page.get_by_role("region", name="Routing decision")
    expect(route).to_contain_text("its provider has no usable credential")
    cost = page.get_by_role("region", name="Cost")
    expect(cost).to_contain_text("Output tokens")
    expect(cost.locator("tfoot")).to_contain_text("0.00622")
    expect(page.get_by_role("region", name="Attribution")).to_contain_text("u-1")
    assert fits(page)
    page.screenshot(path=tmp_path / f"request-{width}.png", full_page=True)


@both_widths
def test_a_project_is_seen_on_one_page(
    page: Page, admin_user: User, tmp_path: Path, width: int, height: int
) -> None:
    project = ProjectFactory.create(slug="acorn", name="Acorn")
    now = timezone.now()
    for days in range(6):
        make_day(
            project,
            days,
            cost_usd=Decimal(days),
            feature="summary",
            latency_buckets=[346, 380],
            latency_counts=[9, 1],
            cache="miss",
        )
        make_day(project, days, status="failed", events=days % 3, cost_usd=0, cache="")
    for amount, per, spent in (("50", "month", 21), ("10", "week", 9)):
        budget = Budget.objects.create(
            project=project, amount_usd=Decimal(amount), per=per, mode="hard"
        )
        BudgetWindow.objects.create(
            budget=budget,
            starts_at=now - timedelta(days=20),
            ends_at=now + timedelta(days=10),
            spent_nano=spent * NANO,
        )
    Limit.objects.create(project=project, metric="requests", amount=600, per="minute")
    Limit.objects.create(project=project, metric="concurrency", amount=20)
    ApiKey.issue(project, "batch jobs", expires_at=now + timedelta(days=3, minutes=1))
    sign_in(page, admin_user, width, height)

    page.goto("/admin/tenants/project/")
    page.goto("/admin/projects/acorn/")

    expect(page.get_by_role("link", name="Events 66")).to_be_visible()
    expect(page.locator("canvas.chart")).to_have_count(6)
    budgets = page.get_by_role("region", name="Budgets")
    expect(budgets).to_contain_text("$10 per week, hard")
    expect(budgets).to_contain_text("90 %")
    limits = page.get_by_role("region", name="Limits")
    expect(limits).to_contain_text("600 requests per minute")
    keys = page.get_by_role("region", name="Keys that expire")
    expect(keys).to_contain_text("batch jobs")
    assert fits(page)
    page.screenshot(path=tmp_path / f"project-{width}.png", full_page=True)

    page.select_option("#days", "30")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Cost $15.0000").click()

    expect(page.locator("#result_list")).to_contain_text("acme/large")
