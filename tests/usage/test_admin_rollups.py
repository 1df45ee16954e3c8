from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenants.models import Project
from tests.admin_pages import text_of
from tests.gateway.rows import make_project
from usage.admin import rollups
from usage.models import DailyUsage, HourlyUsage

pytestmark = pytest.mark.django_db

HOURLY = "/admin/usage/hourlyusage/"
DAILY = "/admin/usage/dailyusage/"


def this_hour() -> datetime:
    return timezone.now().replace(minute=0, second=0, microsecond=0)


def sums(project: Project, **fields: Any) -> dict[str, Any]:
    zeros = dict.fromkeys(
        [
            "cache_read_tokens",
            "cache_write_tokens",
            "reasoning_tokens",
            "unpriced",
            "estimated",
            "fallbacks",
            "latency_ms_sum",
            "first_token_ms_sum",
            "first_tokens",
        ],
        0,
    )
    return {
        "project": project,
        "organization": project.organization,
        "operation": "chat",
        "provider": "acme",
        "model": "large",
        "status": "ok",
        "kind": "attempt",
        "events": 10,
        "requests": 10,
        "input_tokens": 1000,
        "output_tokens": 500,
        "cost_usd": Decimal("1.25"),
        **zeros,
        **fields,
    }


def make_hour(project: Project, hours_ago: int = 1, **fields: Any) -> HourlyUsage:
    hour = this_hour() - timedelta(hours=hours_ago)
    return HourlyUsage.objects.create(hour=hour, **sums(project, **fields))


def test_the_list_shows_the_totals_of_what_is_filtered(admin_client: Client) -> None:
    project = make_project()
    make_hour(project)
    make_hour(project, 2)
    make_hour(project, 3, model="other", cost_usd=Decimal(100))

    page = text_of(admin_client.get(HOURLY, {"model": "large"}))

    assert "Cost $2.5000" in page
    assert "Events 20" in page
    assert "Input tokens 2,000" in page


def test_a_recent_stretch_is_shown_until_one_chooses_another(
    admin_client: Client,
) -> None:
    project = make_project()
    make_hour(project, 24 * 20, model="old")

    assert "acme/old" not in text_of(admin_client.get(HOURLY))
    assert "acme/old" in text_of(admin_client.get(HOURLY, {"period": "30"}))
    assert "acme/old" in text_of(admin_client.get(HOURLY, {"period": "all"}))


def test_days_are_listed_with_their_totals(admin_client: Client) -> None:
    project = make_project()
    DailyUsage.objects.create(day=timezone.now().date(), **sums(project))

    page = text_of(admin_client.get(DAILY))

    assert "Cost $1.2500" in page
    assert "acorn" in page


def test_too_many_rows_are_not_summed(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "SUMMED", 1)
    project = make_project()
    make_hour(project)
    make_hour(project, 2)

    assert "Too many rows for totals" in text_of(admin_client.get(HOURLY))


def test_rollups_are_read_only(admin_client: Client) -> None:
    row = make_hour(make_project())

    assert admin_client.get(f"{HOURLY}add/").status_code == 403
    assert admin_client.post(f"{HOURLY}{row.pk}/delete/").status_code == 403


def test_what_the_cache_answered_and_a_feature_are_listed_apart(
    admin_client: Client,
) -> None:
    project = make_project()
    make_hour(project, cache="hit", kind="cache_hit", model="known")
    make_hour(project, feature="summary", model="asked")

    hits = text_of(admin_client.get(HOURLY, {"cache": "hit"}))
    feature = text_of(admin_client.get(HOURLY, {"feature": "summary"}))

    assert "acme/known" in hits
    assert "acme/asked" not in hits
    assert "acme/asked" in feature
    assert "acme/known" not in feature
