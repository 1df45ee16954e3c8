"""A report, as somebody sees it who opens it at a desk or on a phone."""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from tenants.models import Budget
from tests.factories import ProjectFactory
from tests.usage.reports.rows import define, use
from usage.alerts.rules import make_ready_rules
from usage.models import Alert, ReportDefinition, ReportRun
from usage.reports.running import run_due

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]


def make_report() -> ReportRun:
    """Report the week before this one, of a project that is used."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today - timedelta(days=today.weekday() + 7)
    project = ProjectFactory.create(slug="acorn", name="Acorn Publishing")
    use(project, monday - timedelta(days=7), 14)
    Budget.objects.create(project=project, amount_usd=Decimal(50))
    alert = Alert.objects.create(
        kind="errors",
        organization=project.organization,
        project=project,
        subject="acme/large-2",
        once="x",
        title="acme/large-2: 34 % of attempts fail",
    )
    Alert.objects.filter(pk=alert.pk).update(created_at=monday + timedelta(hours=9))
    row = define(project=project, name="Weekly figures", period="week")
    ReportDefinition.objects.filter(pk=row.pk).update(
        created_at=monday + timedelta(hours=1)
    )
    run_due()
    return ReportRun.objects.get()


@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
def test_a_report_is_opened_and_read(
    page: Page, admin_user: User, width: int, height: int
) -> None:
    run = make_report()
    page.set_viewport_size({"width": width, "height": height})
    page.goto("/admin/usage/reportrun/")
    page.fill("#id_username", admin_user.get_username())
    page.fill("#id_password", "password")
    page.click("button[type=submit]")
    keep(page, f"list-{width}")
    page.get_by_role("link", name="Open").first.click()

    expect(page.get_by_role("heading", name="Acorn Publishing")).to_be_visible()
    for heading in ("Traffic", "Cost", "Errors", "Latency", "Budgets", "Alerts"):
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    expect(page.get_by_text("on the period before").first).to_be_visible()
    expect(page.get_by_text("acme/large-2: 34 % of attempts fail")).to_be_visible()
    pictures = page.locator("img")
    expect(pictures).to_have_count(len(run.charts))
    assert page.evaluate(
        "[...document.images].every(image => image.complete && image.naturalWidth > 600)"
    )
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    keep(page, f"report-{width}")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_of_alerts_and_prices_open(
    page: Page, admin_user: User, width: int
) -> None:
    make_ready_rules()
    define(name="Monthly bill", period="month")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/admin/usage/alertrule/")
    page.fill("#id_username", admin_user.get_username())
    page.fill("#id_password", "password")
    page.click("button[type=submit]")
    expect(page.get_by_role("link", name="Models that fail")).to_be_visible()
    keep(page, f"rules-{width}")
    page.goto("/admin/usage/reportdefinition/")
    page.get_by_role("link", name="Monthly bill").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Monthly bill")
    keep(page, f"definition-{width}")
    preview = page.locator("a[href*='reportdefinition'][href$='/preview/']").first
    page.goto(preview.get_attribute("href") or "")
    expect(page.get_by_text("Nothing was asked in this time.")).to_be_visible()
    for name in ("alert", "alertsilence", "priceproposal", "rerating"):
        page.goto(f"/admin/usage/{name}/")
        expect(page.locator("#changelist")).to_be_visible()


def keep(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody wants to look at it."""
    if folder := os.environ.get("SIGNALBOX_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
