"""What belongs to one project cannot be seen or used by another."""

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from django.apps import apps

from catalog.models import Provider
from gateway.simulator import Simulator
from tenants.models import ApiKey, Project
from tests.factories import AliasFactory, AliasTargetFactory, CredentialFactory
from tests.gateway.conftest import CREDENTIAL, Offer, client_for, offered_model
from tests.gateway.live import LiveGateway

HELLO: Any = [{"role": "user", "content": "Hello there"}]


@pytest.fixture
def other_client(live: LiveGateway, other_project: Project) -> Iterator[openai.OpenAI]:
    _, text = ApiKey.issue(other_project, "theirs")
    with client_for(live, text) as client:
        yield client


def names(client: openai.OpenAI) -> set[str]:
    return {model.id for model in client.models.list()}


def test_an_alias_of_another_project_is_neither_shown_nor_served(
    client: openai.OpenAI,
    other_client: openai.OpenAI,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-chat", name="ours", project=project)

    assert "ours" in names(client)
    assert "ours" not in names(other_client)
    assert client.chat.completions.create(model="ours", messages=HELLO).choices
    with pytest.raises(openai.NotFoundError) as hidden:
        other_client.chat.completions.create(model="ours", messages=HELLO)
    with pytest.raises(openai.NotFoundError) as unknown:
        other_client.chat.completions.create(model="none", messages=HELLO)
    with pytest.raises(openai.NotFoundError):
        other_client.models.retrieve("ours")
    assert hidden.value.message.replace("ours", "none") == unknown.value.message
    assert len(upstream.calls) == 1


def test_an_alias_of_the_project_replaces_the_global_one_for_it_alone(
    client: openai.OpenAI,
    other_client: openai.OpenAI,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-chat", name="fast")
    offer("sim-chat-large", name="fast", project=project)

    client.chat.completions.create(model="fast", messages=HELLO)
    other_client.chat.completions.create(model="fast", messages=HELLO)

    assert [call.model for call in upstream.calls] == ["sim-chat-large", "sim-chat"]
    listed = [model.id for model in client.models.list()]
    assert listed.count("fast") == 1


def test_a_credential_of_one_project_is_presented_for_it_alone(
    client: openai.OpenAI,
    other_client: openai.OpenAI,
    live: LiveGateway,
    offer: Offer,
    provider: Provider,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-chat")
    CredentialFactory.create(provider=provider, project=project, value="sk-of-acorn")
    live.caught_up()

    client.chat.completions.create(model="fast", messages=HELLO)
    other_client.chat.completions.create(model="fast", messages=HELLO)

    presented = [call.headers["authorization"] for call in upstream.calls]
    assert presented == ["Bearer sk-of-acorn", f"Bearer {CREDENTIAL}"]


def test_a_model_is_listed_for_who_has_a_credential_for_it(
    client: openai.OpenAI,
    other_client: openai.OpenAI,
    live: LiveGateway,
    provider: Provider,
    project: Project,
) -> None:
    offered_model(provider, "sim-chat")
    provider.credentials.all().delete()
    CredentialFactory.create(provider=provider, project=project)
    live.caught_up()

    assert names(client) == {"sim/sim-chat"}
    assert names(other_client) == set()
    with pytest.raises(openai.InternalServerError) as refused:
        other_client.chat.completions.create(model="sim/sim-chat", messages=HELLO)
    assert refused.value.code == "no_healthy_candidate"


def test_usage_is_recorded_for_the_project_of_the_key(
    client: openai.OpenAI,
    other_client: openai.OpenAI,
    live: LiveGateway,
    offer: Offer,
    project: Project,
    other_project: Project,
) -> None:
    offer("sim-chat")

    client.chat.completions.create(model="fast", messages=HELLO)
    for _ in range(2):
        other_client.chat.completions.create(model="fast", messages=HELLO)

    assert len(live.events(project)) == 1
    assert len(live.events(other_project)) == 2


def test_a_global_alias_never_leads_to_a_projects_own(
    live: LiveGateway,
    http: httpx.Client,
    provider: Provider,
    other_project: Project,
) -> None:
    """Refused at save; here as plain SQL would put it."""
    theirs = AliasFactory.create(name="theirs", project=other_project)
    AliasTargetFactory.create(alias=theirs, model=offered_model(provider, "sim-chat"))
    shared = AliasFactory.create(name="shared")
    AliasTargetFactory.create(alias=shared, model=None, via=theirs)
    live.caught_up()

    body = {"model": "shared", "messages": HELLO}
    response = http.post("/v1/chat/completions", json=body)

    assert response.status_code == 503
    assert response.json()["error"]["code"] == "no_healthy_candidate"


def test_every_model_of_a_project_is_read_by_project() -> None:
    found = {}
    for model in apps.get_models():
        fields = {field.name for field in model._meta.get_fields()}
        # The audit has a model of its own for each that it follows; operators read it.
        if "project" in fields and "pgh_id" not in fields:
            found[model.__name__] = hasattr(model._default_manager, "for_project")

    assert {"ApiKey", "Limit", "Alias", "Credential", "UsageEvent"} <= {*found}
    assert [name for name, is_scoped in found.items() if not is_scoped] == []
