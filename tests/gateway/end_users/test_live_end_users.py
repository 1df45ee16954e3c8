"""What a project told of its end users changes their requests."""

from decimal import Decimal
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from catalog.models import AIModel, Credential, Provider
from gateway.simulator import Simulator
from gateway.upstream import addresses
from tenants.models import ApiKey, Budget, EndUser, Limit, Project
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fast(provider: Provider, upstream: Simulator) -> list[AIModel]:
    """An alias with two providers, the first of which goes first."""
    other = ProviderFactory.create(
        slug="other", base_url=upstream.url, allow_private_addresses=True
    )
    EndpointFactory.create(provider=other)
    CredentialFactory.create(provider=other)
    alias = AliasFactory.create(name="fast")
    models = []
    for priority, each in enumerate((provider, other), start=1):
        model = AIModelFactory.create(provider=each, model_id=f"model-{priority}")
        for component in ("input", "output"):
            PriceFactory.create(model=model, component=component)
        AliasTargetFactory.create(alias=alias, model=model, priority=priority)
        models.append(model)
    return models


@pytest.fixture
def key(project: Project) -> str:
    return ApiKey.issue(project, "test")[1]


def ask(
    live: LiveGateway, key: str, user: str = "ada", model: str = "fast", **more: Any
) -> httpx.Response:
    live.caught_up()
    headers = {"authorization": f"Bearer {key}", "x-signalbox-user": user}
    body = {"messages": [{"role": "user", "content": "Hello"}], **more}
    if model:
        body["model"] = model
    return httpx.post(f"{live.url}/v1/chat/completions", json=body, headers=headers)


def make_user(project: Project, user_id: str = "ada", **fields: Any) -> EndUser:
    return EndUser.objects.create(project=project, external_id=user_id, **fields)


def test_the_preferred_provider_is_asked_first(
    live: LiveGateway, project: Project, key: str, fast: list[AIModel]
) -> None:
    make_user(project, preferred_provider="other")

    assert ask(live, key).headers["x-signalbox-provider"] == "other"
    assert ask(live, key, "bob").headers["x-signalbox-provider"] == "sim"
    wished = ask(live, key, provider={"order": ["sim"]})
    assert wished.headers["x-signalbox-provider"] == "sim"


def test_the_default_model_is_asked_where_none_is_named(
    live: LiveGateway, project: Project, key: str, fast: list[AIModel]
) -> None:
    make_user(project, default_model="other/model-2")

    assert ask(live, key, model="").headers["x-signalbox-model"] == "model-2"
    assert ask(live, key, "bob", model="").status_code == 400
    assert ask(live, key, model="fast").headers["x-signalbox-model"] == "model-1"


def test_a_user_who_is_switched_off_is_refused_until_switched_on(
    live: LiveGateway, project: Project, key: str, fast: list[AIModel]
) -> None:
    assert ask(live, key).status_code == 200
    user = make_user(project, active=False)

    refused = ask(live, key)
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "permission_denied"
    assert ask(live, key, "bob").status_code == 200

    EndUser.objects.filter(pk=user.pk).update(active=True)
    assert ask(live, key).status_code == 200


def test_the_user_named_in_our_own_dialect_counts_as_well(
    live: LiveGateway, project: Project, key: str, fast: list[AIModel]
) -> None:
    make_user(project, preferred_provider="other", default_model="fast")
    live.caught_up()

    answer = httpx.post(
        f"{live.url}/api/ai/generate",
        json={"prompt": "Hello", "userId": "ada"},
        headers={"authorization": f"Bearer {key}"},
    )

    assert answer.status_code == 200, answer.text
    assert answer.json()["provider"] == "other"
    assert answer.json()["alias"] == "fast"


def test_own_limits_hold_for_that_user_alone(
    live: LiveGateway, project: Project, key: str, fast: list[AIModel]
) -> None:
    user = make_user(project)
    Limit.objects.create(
        project=project, end_user=user, metric="requests", amount=1, per="hour"
    )

    first, second = ask(live, key), ask(live, key)

    assert first.status_code == 200
    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert second.status_code == 429
    assert ask(live, key, "bob").status_code == 200


def test_a_limit_for_each_user_counts_them_apart(
    live: LiveGateway, project: Project, key: str, fast: list[AIModel]
) -> None:
    Limit.objects.create(
        project=project, each_end_user=True, metric="requests", amount=1, per="hour"
    )

    statuses = [ask(live, key, user).status_code for user in ("ada", "bob", "ada")]

    assert statuses == [200, 200, 429]


def test_an_own_credential_is_presented_and_costs_the_project_nothing(
    live: LiveGateway,
    project: Project,
    key: str,
    fast: list[AIModel],
    upstream: Simulator,
) -> None:
    user = make_user(project)
    CredentialFactory.create(
        provider=fast[0].provider,
        project=project,
        end_user=user,
        name="own",
        value="sk-brought-by-ada-0123456789",
    )

    own, common = ask(live, key), ask(live, key, "bob")

    assert own.status_code == common.status_code == 200
    assert own.headers["x-signalbox-cost-usd"] == "0"
    by_user = {event.end_user: event for event in live.events(project)}
    assert by_user["ada"].own_credential
    assert by_user["ada"].cost_usd == 0
    assert by_user["ada"].input_tokens > 0
    assert not by_user["bob"].own_credential
    assert (by_user["bob"].cost_usd or 0) > 0
    sent = [call.headers["authorization"] for call in upstream.calls]
    assert sent[0] == "Bearer sk-brought-by-ada-0123456789"
    assert "brought" not in sent[1]


def test_an_own_credential_that_is_refused_is_not_made_good_at_the_project_s_cost(
    live: LiveGateway, project: Project, key: str, provider: Provider
) -> None:
    model = AIModelFactory.create(provider=provider, model_id="sim-fault-401")
    PriceFactory.create(model=model)
    user = make_user(project)
    CredentialFactory.create(
        provider=provider, project=project, end_user=user, name="own"
    )

    answer = ask(live, key, model="sim/sim-fault-401")

    assert answer.status_code == 502
    events = live.events(project)
    assert {event.own_credential for event in events} == {True}
    assert sum(event.cost_usd or Decimal(0) for event in events) == 0


def test_an_own_server_is_asked_under_its_own_names(
    live: LiveGateway,
    project: Project,
    key: str,
    provider: Provider,
    upstream: Simulator,
) -> None:
    azure = ProviderFactory.create(
        slug="azure",
        auth="header:api-key",
        base_url="https://example-resource.openai.azure.com",
        headers={"x-operator": "of the operator alone"},
    )
    EndpointFactory.create(
        provider=azure,
        pattern="/openai/deployments/{deployment}/chat/completions?api-version=1",
    )
    AIModelFactory.create(provider=azure, model_id="gpt-4o")
    user = make_user(project)
    row = CredentialFactory.create(
        provider=azure,
        project=project,
        end_user=user,
        name="own",
        base_url="https://ada.openai.azure.com",
        deployments={"gpt-4o": "adas-gpt"},
        value="sk-of-ada-012345678901234567",
    )
    # Nothing but the internet is reachable so, and the upstream of tests is not there.
    Credential.objects.filter(pk=row.pk).update(base_url=upstream.url)

    refused = ask(live, key, model="azure/gpt-4o")
    with (
        patch.object(addresses, "is_public", return_value=True),
        patch("gateway.upstream.transport.check_literal"),
    ):
        asked = ask(live, key, model="azure/gpt-4o")

    assert refused.status_code == 502
    assert refused.json()["error"]["code"] == "upstream_unreachable"
    assert asked.status_code == 200
    (call,) = upstream.calls
    assert call.model == "adas-gpt"
    assert call.headers["api-key"] == "sk-of-ada-012345678901234567"
    assert "x-operator" not in call.headers
    assert call.headers["host"] in upstream.url


def test_an_own_credential_needs_no_price_and_no_other_credential(
    live: LiveGateway, project: Project, key: str, upstream: Simulator
) -> None:
    bare = ProviderFactory.create(
        slug="bare", base_url=upstream.url, allow_private_addresses=True
    )
    EndpointFactory.create(provider=bare)
    AIModelFactory.create(provider=bare, model_id="sim-chat")
    user = make_user(project)
    CredentialFactory.create(provider=bare, project=project, end_user=user, name="own")

    assert ask(live, key, model="bare/sim-chat").status_code == 200
    assert ask(live, key, "bob", model="bare/sim-chat").status_code != 200


def test_what_an_own_server_answers_is_not_kept_for_others(
    live: LiveGateway,
    project: Project,
    key: str,
    fast: list[AIModel],
    upstream: Simulator,
) -> None:
    Project.objects.filter(pk=project.pk).update(cache={"enabled": True, "ttl_s": 60})
    user = make_user(project)
    CredentialFactory.create(
        provider=fast[0].provider, project=project, end_user=user, name="own"
    )

    caches = [
        ask(live, key, user, temperature=0).headers["x-signalbox-cache"]
        for user in ("ada", "ada", "bob", "bob", "ada")
    ]

    assert caches == ["bypass", "bypass", "miss", "hit", "bypass"]


def test_an_own_budget_holds_for_that_user_alone(
    live: LiveGateway, project: Project, key: str, fast: list[AIModel]
) -> None:
    user = make_user(project)
    budget = Budget.objects.create(
        project=project, end_user=user, amount_usd=Decimal("0.0001"), per="day"
    )

    assert ask(live, key, "bob", max_tokens=4_000).status_code == 200
    assert ask(live, key, max_tokens=4_000).status_code == 402
    Budget.objects.filter(pk=budget.pk).update(amount_usd=10)
    assert ask(live, key).status_code == 200
