"""What a client is told when its request is not served, as its own library shows it."""

import time

import openai
import pytest

from catalog.models import Provider
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import AIModelFactory, LimitFactory
from tests.gateway.conftest import Offer, client_for
from tests.gateway.live import LiveGateway
from tests.gateway.refusals import HELLO


def test_an_unknown_model_is_not_found(
    client: openai.OpenAI, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="slow", messages=HELLO)

    assert refused.value.code == "model_not_found"
    assert refused.value.param == "model"
    assert "'slow'" in refused.value.message
    assert upstream.calls == []


def test_a_model_without_a_price_is_refused(
    live: LiveGateway,
    client: openai.OpenAI,
    offer: Offer,
    provider: Provider,
    upstream: Simulator,
) -> None:
    AIModelFactory.create(provider=provider, model_id="sim-chat")
    offer("sim-chat")

    with pytest.raises(openai.APIStatusError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.status_code == 402
    assert refused.value.code == "unpriced_model"
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert upstream.calls == []


def test_a_provider_without_a_credential_is_no_candidate(
    live: LiveGateway,
    client: openai.OpenAI,
    offer: Offer,
    provider: Provider,
    upstream: Simulator,
) -> None:
    offer("sim-chat")
    provider.credentials.all().delete()
    live.caught_up()

    with pytest.raises(openai.InternalServerError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.status_code == 503
    assert refused.value.code == "no_healthy_candidate"
    assert "credential" in refused.value.message
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert upstream.calls == []


def test_data_does_not_leave_the_regions_of_its_project(
    live: LiveGateway,
    client: openai.OpenAI,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-chat")
    Project.objects.filter(pk=project.pk).update(allowed_regions=["eu"])
    live.caught_up()

    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.code == "residency_violation"
    assert [model.id for model in client.models.list()] == ["fast"]
    assert upstream.calls == []


# Limits


def test_a_spent_limit_says_when_to_come_back(
    live: LiveGateway,
    client: openai.OpenAI,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=1, per="minute")
    offer("sim-chat")
    first = client.chat.completions.with_raw_response.create(
        model="fast", messages=HELLO
    )

    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO)

    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    assert refused.value.code == "rate_limit_exceeded"
    headers = refused.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert 0 < int(headers["retry-after-ms"]) <= 60_000
    assert headers["x-ratelimit-limit-requests"] == "1"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"].endswith("s")
    assert len(upstream.calls) == 1


# What the library makes of it


@pytest.mark.parametrize("retries", [0, 2])
def test_the_client_does_not_repeat_what_was_tried_everywhere(
    live: LiveGateway, key: str, offer: Offer, upstream: Simulator, retries: int
) -> None:
    offer("sim-fault-500", "sim-fault-503")

    with (
        client_for(live, key, max_retries=retries) as client,
        pytest.raises(openai.InternalServerError) as refused,
    ):
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.status_code == 502
    assert refused.value.response.headers["x-should-retry"] == "false"
    assert len(upstream.calls) == 2


def test_the_client_waits_out_a_short_limit(
    live: LiveGateway, key: str, offer: Offer, project: Project
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=1, per="second")
    offer("sim-chat")

    with client_for(live, key, max_retries=2) as client:
        began = time.monotonic()
        for _ in range(2):
            client.chat.completions.create(model="fast", messages=HELLO)

    assert 0.5 < time.monotonic() - began < 3


def test_a_client_that_does_not_wait_gets_its_own_timeout(
    live: LiveGateway, client: openai.OpenAI, offer: Offer, project: Project
) -> None:
    offer("sim-chat-latency-2000")

    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.2).chat.completions.create(
            model="fast", messages=HELLO
        )

    (event,) = live.events(project)
    assert event.status == "cancelled"
