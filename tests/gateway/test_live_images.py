"""Pictures through real HTTP, made by the simulator and paid by token or by piece."""

from decimal import Decimal

import httpx
import openai
import pytest

from catalog.models import AIModel, Provider
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import AIModelFactory, EndpointFactory, PriceFactory
from tests.gateway.live import LiveGateway

BY_TOKEN = {"input": Decimal(5), "output": Decimal(30)}


def offered(live: LiveGateway, provider: Provider, model_id: str) -> AIModel:
    EndpointFactory.create(
        provider=provider,
        operation="images",
        pattern="/v1/images/generations",
        handler="openai_images",
    )
    model = AIModelFactory.create(
        provider=provider, model_id=model_id, operations=["images"]
    )
    for component, usd in BY_TOKEN.items():
        PriceFactory.create(model=model, component=component, per_million=usd)
    live.caught_up()
    return model


def test_a_picture_is_relayed_and_paid_by_its_tokens(
    client: openai.OpenAI,
    live: LiveGateway,
    provider: Provider,
    project: Project,
    upstream: Simulator,
) -> None:
    offered(live, provider, "sim-chat")

    answer = client.images.generate(
        model="sim-chat", prompt="A red fox", n=2, quality="low"
    )

    (call,) = upstream.calls
    (event,) = live.events(project)
    assert [picture.b64_json is not None for picture in answer.data or []] == [True] * 2
    assert call.body == {
        "model": "sim-chat",
        "prompt": "A red fox",
        "n": 2,
        "quality": "low",
    }
    assert (event.operation, event.dialect) == ("images", "openai_images")
    assert (event.input_tokens, event.output_tokens) == (
        call.prompt_tokens,
        call.completion_tokens,
    )
    assert event.other_usage == {}
    assert (
        event.cost_usd
        == Decimal(5 * call.prompt_tokens + 30 * call.completion_tokens) / 10**6
    )


def test_a_provider_that_reports_nothing_is_paid_by_the_picture(
    client: openai.OpenAI, live: LiveGateway, provider: Provider, project: Project
) -> None:
    model = offered(live, provider, "sim-fault-no-usage")
    PriceFactory.create(
        model=model, component="image", per_million=None, per_unit=Decimal("0.04")
    )
    live.caught_up()

    client.images.generate(model="sim-fault-no-usage", prompt="A red fox", n=3)

    (event,) = live.events(project)
    assert event.other_usage == {"image": 3}
    assert not event.estimated
    assert event.cost_usd == Decimal("0.12")


def test_sketches_and_the_picture_come_as_they_are_made(
    client: openai.OpenAI,
    live: LiveGateway,
    provider: Provider,
    project: Project,
    upstream: Simulator,
) -> None:
    offered(live, provider, "sim-chat")

    stream = client.images.generate(
        model="sim-chat", prompt="A red fox", stream=True, partial_images=2
    )

    assert [event.type for event in stream] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    (event,) = live.events(project)
    assert (event.status, event.streamed) == ("ok", True)
    assert event.output_tokens == upstream.calls[0].completion_tokens


def test_a_stream_without_its_picture_is_an_error_of_the_client(
    client: openai.OpenAI, live: LiveGateway, provider: Provider, project: Project
) -> None:
    offered(live, provider, "sim-fault-truncate-1")

    stream = client.images.generate(
        model="sim-fault-truncate-1", prompt="A fox", stream=True, partial_images=3
    )

    with pytest.raises(openai.APIError):
        list(stream)
    (event,) = live.events(project)
    assert event.status == "incomplete"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "n": 0}, "n"),
        ({"prompt": "x", "stream": "yes"}, "stream"),
        ({"prompt": "x", "model": 3}, "model"),
    ],
)
def test_what_nobody_could_draw_is_refused(
    http: httpx.Client, body: dict[str, object], param: str
) -> None:
    response = http.post("/v1/images/generations", json=body)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == param


def test_the_provider_says_why_it_draws_nothing(
    client: openai.OpenAI, live: LiveGateway, provider: Provider
) -> None:
    offered(live, provider, "sim-fault-content-policy")

    with pytest.raises(openai.BadRequestError) as told:
        client.images.generate(model="sim-fault-content-policy", prompt="x")

    assert told.value.code == "content_policy_violation"
