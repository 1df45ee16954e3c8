import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tenants.models import Project
from tests.admin_pages import text_of
from tests.gateway.rows import make_key, make_project, make_provider
from usage.admin import event_list
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db

LIST = "/admin/usage/usageevent/"


def uuid7(moment: datetime) -> uuid.UUID:
    milliseconds = int(moment.timestamp() * 1000)
    rest = uuid.uuid4().int & ((1 << 76) - 1)
    return uuid.UUID(int=(milliseconds << 80) | (7 << 76) | rest)


def make_event(project: Project, **fields: Any) -> UsageEvent:
    moment = fields.pop("occurred_at", timezone.now())
    values: dict[str, Any] = {
        "request_id": uuid7(moment),
        "operation": "chat",
        "dialect": "openai_chat",
        "provider": "acme",
        "model": "large",
        "status": "ok",
        "cost_usd": Decimal("0.0042"),
        **fields,
    }
    return UsageEvent.objects.create(
        id=uuid7(moment),
        occurred_at=moment,
        project=project,
        organization=project.organization,
        **values,
    )


def pages_of(event: UsageEvent) -> str:
    return f"{LIST}{event.pk}/change/"


def test_the_newest_event_stands_first(admin_client: Client) -> None:
    project = make_project()
    now = timezone.now()
    make_event(project, model="older", occurred_at=now - timedelta(hours=1))
    make_event(project, model="newer", occurred_at=now)

    page = text_of(admin_client.get(LIST))

    assert page.index("acme/newer") < page.index("acme/older")
    assert "$0.0042" in page


def test_events_are_never_counted(admin_client: Client) -> None:
    make_event(make_project())

    with CaptureQueriesContext(connection) as queries:
        for query in ("", "?status=ok", "?q=u-1", "?provider=acme", "?p=2"):
            admin_client.get(LIST + query)

    assert not [q["sql"] for q in queries if "COUNT(" in q["sql"].upper()]


@pytest.mark.parametrize(
    "query",
    [
        {"provider": "acme"},
        {"model": "large"},
        {"alias": "fast"},
        {"status": "failed"},
        {"status": "error"},
        {"q": "u-1"},
        {"occurred_at_from_0": "2026-01-01", "occurred_at_to_0": "2026-12-31"},
    ],
)
def test_events_are_filtered(admin_client: Client, query: dict[str, str]) -> None:
    make_provider()
    project = make_project()
    then = datetime(2026, 5, 1, tzinfo=UTC)
    make_event(project, alias="fast", status="failed", end_user="u-1", occurred_at=then)
    make_event(
        project,
        provider="other",
        model="small",
        occurred_at=datetime(2025, 5, 1, tzinfo=UTC),
    )

    page = text_of(admin_client.get(LIST, query))

    assert "acme/large" in page
    assert "other/small" not in page


def test_events_of_one_project_are_shown(admin_client: Client) -> None:
    project, other = make_project(), make_project("other")
    make_event(project, model="mine")
    make_event(other, model="foreign")

    page = text_of(admin_client.get(LIST, {"project__id__exact": project.pk}))

    assert "acme/mine" in page
    assert "acme/foreign" not in page


def test_an_event_is_found_by_its_request(admin_client: Client) -> None:
    project = make_project()
    event = make_event(project)
    make_event(project, model="other")

    page = text_of(admin_client.get(LIST, {"q": str(event.request_id)}))

    assert "acme/large" in page
    assert "acme/other" not in page


def test_what_no_index_answers_looks_through_the_newest_events_only(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_list, "LOOKED_THROUGH", 5)
    project = make_project()
    now = timezone.now()
    for minutes in range(10):
        make_event(
            project,
            model=f"m{minutes}",
            alias="fast",
            occurred_at=now - timedelta(minutes=minutes),
        )

    page = text_of(admin_client.get(LIST, {"alias": "fast"}))

    assert "acme/m5" in page
    assert "acme/m6" not in page
    assert "For older ones choose a time" in page


def test_the_page_of_an_event_tells_cost_decision_and_other_attempts(
    admin_client: Client,
) -> None:
    project = make_project()
    now = timezone.now()
    first = make_event(
        project,
        model="down",
        status="failed",
        http_status=503,
        occurred_at=now - timedelta(seconds=1),
    )
    second = make_event(
        project,
        request_id=first.request_id,
        attempt=2,
        fallback=True,
        api_key=make_key(project),
        routing={"reason": "cheapest of 3"},
        occurred_at=now,
    )

    page = admin_client.get(pages_of(second))

    assert "$0.0042" in text_of(page)
    assert '"reason": "cheapest of 3"' in text_of(page)
    assert "Attempts of the same request" in text_of(page)
    assert pages_of(first) in page.content.decode()


def test_an_event_is_looked_up_around_the_moment_of_its_id(
    admin_client: Client,
) -> None:
    event = make_event(make_project())

    with CaptureQueriesContext(connection) as queries:
        admin_client.get(pages_of(event))

    lookups = [q["sql"] for q in queries if 'FROM "usage_usageevent"' in q["sql"]]
    assert lookups
    assert all("BETWEEN" in sql for sql in lookups)


def test_an_event_whose_id_tells_no_time_is_found_as_well(
    admin_client: Client,
) -> None:
    event = make_event(make_project())
    UsageEvent.objects.filter(pk=event.pk).update(id=uuid.UUID(int=4))

    page = admin_client.get(f"{LIST}{uuid.UUID(int=4)}/change/").content.decode()
    assert str(event.request_id) in page


def test_events_are_read_only(admin_client: Client) -> None:
    event = make_event(make_project())

    assert admin_client.get(f"{LIST}add/").status_code == 403
    assert admin_client.post(pages_of(event), {"model": "x"}).status_code == 403
    assert admin_client.post(f"{LIST}{event.pk}/delete/").status_code == 403


def test_a_routing_decision_is_told_line_by_line(admin_client: Client) -> None:
    event = make_event(
        make_project(),
        routing={
            "order": ["one/a", "two/b"],
            "scores": [0.002, None],
            "first": "prompt_held",
            "dropped": {"three/c": "residency_violation"},
        },
    )

    text = text_of(admin_client.get(pages_of(event)))

    assert "1. one/a (score 0.002)" in text
    assert "2. two/b" in text
    assert "- three/c (dropped: residency_violation)" in text
    assert "The first may still hold the beginning of the conversation." in text


def test_a_tenants_words_are_no_markup(admin_client: Client) -> None:
    event = make_event(
        make_project(),
        end_user="<script>alert(1)</script>",
        routing={"a": "</pre><script>"},
    )

    page = admin_client.get(pages_of(event)).content.decode()

    assert "<script>alert(1)" not in page
    assert "</pre><script>" not in page
