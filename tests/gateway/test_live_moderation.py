"""Moderation through real HTTP, which costs nothing."""

from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from catalog.models import Provider
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import AIModelFactory, EndpointFactory, PriceFactory
from tests.gateway.live import LiveGateway


@pytest.fixture
def model(live: LiveGateway, provider: Provider) -> str:
    EndpointFactory.create(
        provider=provider,
        operation="moderation",
        pattern="/v1/moderations",
        handler="openai_moderation",
    )
    model = AIModelFactory.create(
        provider=provider, model_id="sim-chat", operations=["moderation"]
    )
    PriceFactory.create(model=model, component="input", per_million=Decimal(1))
    live.caught_up()
    return "sim-chat"


@pytest.mark.parametrize(
    "value",
    ["Of violence", ["Of violence"], [{"type": "text", "text": "Of violence"}]],
)
def test_a_text_is_judged_for_nothing(
    client: openai.OpenAI,
    live: LiveGateway,
    project: Project,
    upstream: Simulator,
    model: str,
    value: Any,
) -> None:
    answer = client.moderations.create(model=model, input=value)

    (event,) = live.events(project)
    assert answer.results[0].flagged
    assert answer.results[0].categories.violence
    assert upstream.calls[0].body == {"model": model, "input": value}
    assert (event.operation, event.input_tokens) == ("moderation", 0)
    assert event.cost_usd == 0
    assert not event.estimated


@pytest.mark.parametrize("value", [None, [], 3, ["x", 3], [["x"]]])
def test_what_is_no_text_is_refused(http: httpx.Client, value: Any) -> None:
    response = http.post("/v1/moderations", json={"input": value})

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "input"
