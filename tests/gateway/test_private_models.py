"""Private models through the running gateway: served to their project and to no other."""

import openai
import pytest

from catalog.models import AIModel, Provider
from gateway.simulator import Simulator
from tenants.models import ApiKey, Project
from tests.factories import (
    AIModelFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.conftest import client_for
from tests.gateway.live import LiveGateway

MESSAGES = [{"role": "user", "content": "Hi."}]


@pytest.fixture
def garage(upstream: Simulator, project: Project) -> Provider:
    """A custom endpoint of the project's own."""
    garage = ProviderFactory.create(
        slug="garage",
        project=project,
        base_url=upstream.url,
        auth="none",
        allow_private_addresses=True,
    )
    EndpointFactory.create(provider=garage)
    return garage


def priced(**fields: object) -> AIModel:
    model = AIModelFactory.create(**fields)
    PriceFactory.create(model=model)
    PriceFactory.create(model=model, component="output")
    return model


def ask(client: openai.OpenAI, model: str) -> str:
    answer = client.chat.completions.create(
        model=model,
        messages=MESSAGES,  # type: ignore[arg-type]
    )
    return answer.model


def test_a_custom_endpoint_serves_its_project_alone(
    live: LiveGateway,
    client: openai.OpenAI,
    garage: Provider,
    other_project: Project,
) -> None:
    priced(provider=garage, model_id="sim-garage")
    live.caught_up()
    _, other_key = ApiKey.issue(other_project, "test")

    assert ask(client, "garage/sim-garage") == "sim-garage"
    assert ask(client, "sim-garage") == "sim-garage"
    with client_for(live, other_key) as other:
        with pytest.raises(openai.NotFoundError):
            ask(other, "garage/sim-garage")
        assert "garage" not in str(other.models.list())
    assert "garage/sim-garage" in {each.id for each in client.models.list()}


def test_a_private_model_of_a_shared_provider_serves_its_project_alone(
    live: LiveGateway,
    client: openai.OpenAI,
    provider: Provider,
    project: Project,
    other_project: Project,
) -> None:
    priced(provider=provider, model_id="sim-secret", project=project)
    live.caught_up()
    _, other_key = ApiKey.issue(other_project, "test")

    assert ask(client, "sim/sim-secret") == "sim-secret"
    with (
        client_for(live, other_key) as other,
        pytest.raises(openai.NotFoundError),
    ):
        ask(other, "sim-secret")


def test_what_becomes_private_is_gone_for_the_others_at_once(
    live: LiveGateway,
    client: openai.OpenAI,
    provider: Provider,
    other_project: Project,
) -> None:
    model = priced(provider=provider, model_id="sim-secret")
    live.caught_up()
    ask(client, "sim-secret")

    AIModel.objects.filter(pk=model.pk).update(project=other_project)
    live.caught_up()

    with pytest.raises(openai.NotFoundError):
        ask(client, "sim-secret")


def test_a_change_of_a_private_model_is_served_at_once(
    live: LiveGateway, client: openai.OpenAI, garage: Provider
) -> None:
    model = priced(provider=garage, model_id="sim-garage")
    live.caught_up()
    ask(client, "sim-garage")

    AIModel.objects.filter(pk=model.pk).update(model_id="sim-renamed")
    live.caught_up()

    assert ask(client, "sim-renamed") == "sim-renamed"
    with pytest.raises(openai.NotFoundError):
        ask(client, "sim-garage")


def test_a_fine_tuned_model_is_served_and_billed_as_its_base(
    live: LiveGateway,
    client: openai.OpenAI,
    provider: Provider,
    project: Project,
) -> None:
    priced(provider=provider, model_id="sim-base")
    live.caught_up()

    assert ask(client, "ft:sim-base:org::1") == "ft:sim-base:org::1"

    [event] = live.events(project)
    assert event.model == "ft:sim-base:org::1"
    assert event.cost_usd
