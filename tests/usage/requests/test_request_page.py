"""The page of one request, and who may see it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tenants.models import Organization, Project, Role
from tests.admin_pages import text_of
from tests.factories import AIModelFactory, PriceFactory, ProjectFactory
from tests.people import person
from tests.usage.test_admin_events import make_event, uuid7
from usage import partitions
from usage.captures import Capture, store
from usage.models import UsageEvent

pytestmark = pytest.mark.django_db

FIND = "/admin/requests/"


def page_of(event: UsageEvent) -> str:
    return reverse("request", args=[event.request_id])


def fallback_request(project: Project) -> UsageEvent:
    """Make a request whose first target failed twice, before another one answered."""
    moment = timezone.now() - timedelta(minutes=1)
    common: dict[str, Any] = {
        "request_id": uuid7(moment),
        "occurred_at": moment,
        "alias": "fast",
        "strategy": "cheapest",
        "routing": {
            "order": ["acme/large", "other/small"],
            "scores": [0.5, 0.75],
            "dropped": {"third/none": "not_configured"},
        },
    }
    failed = {"status": "failed", "cost_usd": 0, "http_status": 503}
    failed["error_code"] = "upstream_error"
    make_event(project, **common, **failed, attempt=1, overhead_ms=2, latency_ms=100)
    make_event(project, **common, **failed, attempt=2, overhead_ms=52, latency_ms=200)
    return make_event(
        project,
        **common,
        attempt=3,
        overhead_ms=53,
        latency_ms=700,
        first_token_ms=300,
        fallback=True,
        provider="other",
        model="small",
        http_status=200,
        end_user="u-1",
        feature="search",
        tags=["beta"],
    )


def test_a_request_is_told_from_its_first_attempt_to_its_answer(
    admin_client: Client, project: Project
) -> None:
    event = fallback_request(project)

    response = admin_client.get(page_of(event))

    page = text_of(response)
    timeline = response.context["timeline"]
    assert [lane.role for lane in timeline.lanes] == ["first", "retry", "fallback"]
    assert timeline.total_ms == pytest.approx(53 + 300 + 700)
    waits, first, rest = timeline.lanes[2].bars
    assert (waits.kind, first.kind, rest.kind) == ("gateway", "waiting", "answer")
    assert first.begin_ms == pytest.approx(353)
    assert "upstream_error" in page
    assert "cheapest first; scores are expected USD" in page
    assert "2 other/small 0.75 answered" in page
    assert "third/none - dropped: its provider has no usable credential" in page
    assert "x-signalbox-fallback: true" in page
    assert "x-signalbox-attempts: 3" in page
    assert "End user u-1" in page
    assert "Tags beta" in page


def test_the_cost_is_explained_by_component(
    admin_client: Client, project: Project
) -> None:
    model = AIModelFactory.create()
    prices = [
        PriceFactory.create(model=model, component=name, per_million=Decimal(usd))
        for name, usd in (("input", "2"), ("cache_read", "0.5"), ("output", "6"))
    ]
    event = make_event(
        project,
        input_tokens=1000,
        cache_read_tokens=400,
        output_tokens=100,
        reasoning_tokens=60,
        price_ids=[price.pk for price in prices],
        cost_usd=Decimal("0.002"),
    )
    make_event(
        project,
        request_id=event.request_id,
        kind="adjustment",
        cost_usd=Decimal("-0.0005"),
    )

    page = text_of(admin_client.get(page_of(event)))

    assert "Input tokens 600 $2 per million 0.0012" in page
    assert "Input read from the provider's cache 400 $0.5 per million 0.0002" in page
    assert "Output tokens 40 $6 per million 0.00024" in page
    assert "Reasoning tokens 60 $6 per million 0.00036" in page
    assert "Adjustment -0.0005" in page
    assert "Together 0.0015" in page
    assert "Not explained" not in page


def test_what_prices_do_not_explain_is_said(
    admin_client: Client, project: Project
) -> None:
    model = AIModelFactory.create()
    price = PriceFactory.create(
        model=model, component="input", per_million=Decimal("1")
    )
    event = make_event(
        project, input_tokens=100, price_ids=[price.pk], cost_usd=Decimal("0.0007")
    )

    assert "Not explained by prices 0.0006" in text_of(admin_client.get(page_of(event)))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"cost_usd": None}, "Unknown: something that was used has no price."),
        ({"cost_usd": 0, "own_credential": True}, "end user's own credential"),
        ({"cost_usd": 1}, "As the provider reported it."),
        ({"cost_usd": 0, "kind": "cache_hit", "attempt": 0}, "nothing was used"),
    ],
)
def test_costs_without_prices_are_explained(
    admin_client: Client, project: Project, fields: dict[str, Any], told: str
) -> None:
    event = make_event(project, **fields)

    assert told in text_of(admin_client.get(page_of(event)))


def test_a_workflows_request_names_its_run(
    admin_client: Client, project: Project
) -> None:
    run = uuid7(timezone.now())
    event = make_event(project, feature="workflow", feature_id=f"{run}/draft")

    page = text_of(admin_client.get(page_of(event)))

    assert f"Workflow run {run}" in page
    assert "Step draft" in page


def test_a_request_of_a_past_month_is_found_in_its_partition(
    admin_client: Client, project: Project
) -> None:
    long_ago = timezone.now() - timedelta(days=45)
    event = make_event(project, occurred_at=long_ago, model="from-back-then")
    partitions.make_ahead()

    assert "acme/from-back-then" in text_of(admin_client.get(page_of(event)))


def test_whatever_a_client_said_of_itself_is_shown_as_text(
    admin_client: Client, project: Project
) -> None:
    event = make_event(project, end_user="<script>alert(1)</script>")

    content = admin_client.get(page_of(event)).content.decode()

    assert "<script>alert(1)" not in content
    assert "&lt;script&gt;alert(1)" in content


def test_an_id_that_is_pasted_leads_to_its_request(
    admin_client: Client, project: Project
) -> None:
    event = make_event(project)

    response = admin_client.get(FIND, {"id": f"  {event.request_id} "})

    assert response.headers["Location"] == page_of(event)


def test_what_is_no_id_and_what_is_not_there_is_said(admin_client: Client) -> None:
    wrong = admin_client.get(FIND, {"id": "hello"})
    gone = admin_client.get(f"{FIND}{uuid7(datetime(2026, 1, 1, tzinfo=UTC))}/")
    far = admin_client.get(f"{FIND}ffffffff-ffff-7fff-bfff-ffffffffffff/")

    assert (wrong.status_code, gone.status_code, far.status_code) == (400, 404, 404)
    assert "'hello' is not a request id." in text_of(wrong)
    assert "There is no event of this request that you may see." in text_of(gone)


def test_the_list_and_the_page_of_an_event_lead_to_its_request(
    admin_client: Client, project: Project
) -> None:
    event = make_event(project)
    link = f'href="{page_of(event)}"'

    assert link in admin_client.get("/admin/usage/usageevent/").content.decode()
    page = admin_client.get(f"/admin/usage/usageevent/{event.pk}/change/")
    assert link in page.content.decode()


def test_nobody_sees_the_requests_of_another_organization(project: Project) -> None:
    event = make_event(project)
    other = Organization.objects.create(slug="other", name="Other")
    client = Client()
    client.force_login(person(Role.OWNER, other))

    assert client.get(page_of(event)).status_code == 404


@pytest.mark.parametrize(
    ("role", "status"), [(Role.READ_ONLY, 403), (Role.ANALYST, 200)]
)
def test_it_takes_an_analyst_to_see_requests(
    project: Project, role: Role, status: int
) -> None:
    event = make_event(project)
    client = Client()
    client.force_login(person(role, project.organization))

    assert client.get(page_of(event)).status_code == status
    assert client.get(FIND).status_code == status


@pytest.mark.parametrize(("role", "shown"), [(Role.OWNER, True), (Role.ANALYST, False)])
def test_what_was_said_is_linked_for_those_who_may_read_it(
    role: Role, shown: bool
) -> None:
    project = ProjectFactory.create(slug="acorn")
    event = make_event(project)
    store(
        [
            Capture(
                project_id=project.pk,
                request_id=str(event.request_id),
                end_user="",
                path="/v1/chat/completions",
                status=200,
                occurred_at=event.occurred_at,
                keep_days=7,
                patterns=(),
                request=b"{}",
                answer=b"{}",
            )
        ]
    )
    client = Client()
    client.force_login(person(role, project.organization))

    page = text_of(client.get(page_of(event)))

    assert ("Read what was said" in page) is shown
