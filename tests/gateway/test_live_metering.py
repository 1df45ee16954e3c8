"""What is recorded of each attempt, exactly, and what never is."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from catalog.models import AIModel, Price, Provider
from gateway.simulator import Simulator
from tenants.models import ApiKey, Project
from tests.factories import AIModelFactory, PriceFactory
from tests.gateway.conftest import CREDENTIAL, Offer
from tests.gateway.live import LiveGateway, wait_until
from usage.models import UsageEvent

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]

plain_and_streamed = pytest.mark.parametrize(
    "stream", [False, True], ids=["plain", "streamed"]
)


def ask(http: httpx.Client, model: str = "fast", **fields: Any) -> httpx.Response:
    headers = fields.pop("headers", None)
    body = {"model": model, "messages": HELLO, **fields}
    response = http.post(PATH, json=body, headers=headers)
    assert response.status_code == 200, response.text
    return response


@plain_and_streamed
def test_an_attempt_leaves_one_event_that_says_everything(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    project: Project,
    upstream: Simulator,
    stream: bool,
) -> None:
    offer("sim-chat")
    began = timezone.now()

    response = ask(http, stream=stream)

    (event,) = live.events(project)
    (call,) = upstream.calls
    assert (event.kind, event.status, event.http_status) == ("attempt", "ok", 200)
    assert event.error_code == ""
    assert event.attempt == 1
    assert event.organization_id == project.organization_id
    assert event.api_key_id == ApiKey.objects.get().pk
    assert (event.operation, event.dialect) == ("chat", "openai_chat")
    assert (event.alias, event.provider, event.model) == ("fast", "sim", "sim-chat")
    assert event.reported_model == "sim-chat"
    assert event.streamed is stream
    assert (event.input_tokens, event.output_tokens) == (
        call.prompt_tokens,
        call.completion_tokens,
    )
    assert not event.estimated
    assert (
        event.cost_usd
        == Decimal(call.prompt_tokens) / 10**6
        + Decimal(2 * call.completion_tokens) / 10**6
    )
    assert {*event.price_ids} == {*Price.objects.values_list("pk", flat=True)}
    assert began <= event.occurred_at <= timezone.now()
    assert 0 < event.latency_ms < 5_000
    assert (event.first_token_ms is not None) is stream
    assert (event.cache, event.strategy, event.fallback) == (
        "bypass",
        "priority",
        False,
    )
    assert event.routing == {"order": ["sim/sim-chat"]}
    version = int(response.headers["x-signalbox-config-version"])
    assert event.config_version == version == live.gateway.snapshot.version
    assert str(event.request_id) == response.headers["x-request-id"]


def test_the_cost_in_the_header_is_the_cost_in_the_event(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")

    response = ask(http)

    (event,) = live.events(project)
    assert Decimal(response.headers["x-signalbox-cost-usd"]) == event.cost_usd
    assert "e" not in response.headers["x-signalbox-cost-usd"].lower()


@plain_and_streamed
def test_the_gateways_own_share_of_the_time_is_recorded(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project, stream: bool
) -> None:
    offer("sim-chat-latency-50")

    began = time.monotonic()
    ask(http, stream=stream)
    took_ms = (time.monotonic() - began) * 1000

    (event,) = live.events(project)
    assert event.overhead_ms is not None
    assert 0 < event.overhead_ms <= took_ms - 50
    assert event.latency_ms >= 50


def test_attribution_is_recorded_as_the_headers_say(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")

    ask(
        http,
        headers={
            "x-signalbox-user": "user-17",
            "x-signalbox-feature": "summary",
            "x-signalbox-feature-id": "document/4711",
            "x-signalbox-tags": "beta, blue ,,green",
        },
    )

    (event,) = live.events(project)
    assert event.end_user == "user-17"
    assert (event.feature, event.feature_id) == ("summary", "document/4711")
    assert event.tags == ["beta", "blue", "green"]


@plain_and_streamed
def test_parts_of_the_usage_are_priced_by_their_own_prices(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    provider: Provider,
    project: Project,
    stream: bool,
) -> None:
    model = AIModelFactory.create(provider=provider, model_id="sim-reasoning-cached-2")
    for component, usd in (
        ("input", "1.00"),
        ("cache_read", "0.10"),
        ("output", "2.00"),
        ("reasoning", "3.00"),
        ("request", None),
    ):
        PriceFactory.create(
            model=model,
            component=component,
            per_million=usd,
            per_unit=None if usd else Decimal("0.005"),
        )
    offer("sim-reasoning-cached-2")

    ask(http, stream=stream)

    (event,) = live.events(project)
    assert (event.cache_read_tokens, event.reasoning_tokens) == (2, 64)
    millionths = (
        (event.input_tokens - 2) * Decimal("1.00")
        + 2 * Decimal("0.10")
        + (event.output_tokens - 64) * Decimal("2.00")
        + 64 * Decimal("3.00")
    )
    assert event.cost_usd == millionths / 10**6 + Decimal("0.005")


def test_a_long_request_is_priced_by_its_tier(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    project: Project,
) -> None:
    offer("sim-chat")
    PriceFactory.create(
        model=AIModel.objects.get(),
        component="input",
        per_million=Decimal("4.00"),
        min_input_tokens=1_000,
    )
    live.caught_up()

    for words in (10, 2_000):
        ask(http, messages=[{"role": "user", "content": "word " * words}])

    short, long = live.events(project)
    assert short.input_tokens < 1_000 < long.input_tokens
    for event, rate in ((short, 1), (long, 4)):
        expected = event.input_tokens * rate + event.output_tokens * 2
        assert event.cost_usd == Decimal(expected) / 10**6


def test_a_price_counts_from_its_day_on_and_never_before(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")
    model = AIModel.objects.get()
    ask(http)
    soon = timezone.now() + timedelta(seconds=1)
    PriceFactory.create(model=model, per_million=Decimal("9.00"), valid_from=soon)
    PriceFactory.create(
        model=model,
        per_million=Decimal("99.00"),
        valid_from=datetime(2100, 1, 1, tzinfo=UTC),
    )
    live.caught_up()

    ask(http)
    wait_until(lambda: timezone.now() > soon)
    ask(http)

    events = live.events(project)
    costs = [event.cost_usd for event in events]
    tokens = events[0].input_tokens
    assert costs[0] == costs[1]
    assert costs[0] is not None
    assert costs[2] == costs[0] + Decimal(8 * tokens) / 10**6
    assert events[2].price_ids != events[0].price_ids


@plain_and_streamed
def test_an_unpriced_model_costs_nothing_known_where_it_is_allowed(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    provider: Provider,
    project: Project,
    stream: bool,
) -> None:
    AIModelFactory.create(provider=provider, model_id="sim-chat")
    Project.objects.filter(pk=project.pk).update(allow_unpriced=True)
    offer("sim-chat")

    response = ask(http, stream=stream)

    (event,) = live.events(project)
    assert event.cost_usd is None
    assert event.price_ids == []
    assert event.output_tokens > 0
    assert "x-signalbox-cost-usd" not in response.headers


def test_a_refused_request_leaves_no_event(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")

    statuses = [
        http.post(PATH, json=body, headers=headers).status_code
        for body, headers in (
            ({"model": "fast"}, {}),
            ({"model": "none", "messages": HELLO}, {}),
            ({"model": "fast", "messages": HELLO}, {"x-project-id": "other"}),
            ({"model": "fast", "messages": HELLO}, {"authorization": "Bearer no"}),
        )
    ]

    assert statuses == [400, 404, 403, 401]
    assert live.events(project) == []
    assert UsageEvent.objects.count() == 0


def test_every_billable_call_has_exactly_one_event(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-fault-flaky-3", "sim-chat")

    for number in range(12):
        ask(http, stream=number % 2 == 0)

    billed = {call.id for call in upstream.calls if call.is_billable}
    recorded = {str(event.id) for event in live.events(project) if event.cost_usd}
    assert len(billed) == 12
    assert recorded == billed


@plain_and_streamed
def test_nothing_that_was_said_is_kept_anywhere(
    live: LiveGateway,
    http: httpx.Client,
    key: str,
    offer: Offer,
    project: Project,
    caplog: pytest.LogCaptureFixture,
    stream: bool,
) -> None:
    caplog.set_level(logging.DEBUG)
    offer("sim-fault-400", name="refusing")
    offer("sim-fault-500", name="failing")
    offer("sim-fault-error-midstream-5-pace-2", name="breaking")
    offer("sim-chat")
    canary = "canary-in-the-coal-mine"
    messages = [{"role": "user", "content": canary}]
    said = ""

    for model in ("fast", "refusing", "failing", "breaking"):
        body = {"model": model, "messages": messages, "stream": stream}
        said += http.post(PATH, json=body, params={"key": key}).text
    http.post(PATH, content=b'{"messages": "%b' % canary.encode(), params={"key": key})
    spooled = b"".join(
        path.read_bytes() for path in live.folder.rglob("*") if path.is_file()
    )
    live.settled()

    assert canary in said or "simulated" in said
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(e)::text FROM usage_usageevent e")
        stored = "".join(row[0] for row in cursor.fetchall())
    logged = "\n".join(
        f"{record.getMessage()} {record.__dict__}"
        for record in caplog.records
        # The test's own client logs the address that it asks.
        if not record.name.startswith(("httpx", "httpcore"))
    )
    for place in (stored, spooled.decode(), logged):
        for secret in (canary, "simulated", key, key.split("_")[2], CREDENTIAL):
            assert secret not in place


def test_what_a_provider_says_fits_the_table(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    from tests.gateway.scripted_upstream import ScriptedUpstream

    hostile = "m\u0000o\u001bd\ud83d\ude00'\"\\" + "x" * 5_000
    body = json.dumps(
        {"model": hostile, "choices": [{"message": {"content": "a"}}]}
    ).encode()
    error = json.dumps({"error": {"code": hostile, "message": hostile}}).encode()
    with ScriptedUpstream() as odd:
        Provider.objects.update(base_url=odd.url)
        offer("anything")
        live.caught_up()

        odd.says_whole(body)
        ask(http)
        odd.says_stream(
            b'data: {"model":%b,"choices":[{"delta":{"content":"a"}}]}\n\n'
            % json.dumps(hostile).encode(),
            b"data: %b\n\n" % error,
            pause_s=0.02,
        )
        ask(http, stream=True)

    plain, streamed = live.events(project)
    for event in (plain, streamed):
        assert event.reported_model.startswith("'m\\x00o\\x1bd")
        assert len(event.reported_model) == 200
    assert streamed.status == "failed"
    assert len(streamed.error_code) == 64
