"""GET /api/ai/providers and /api/ai/health: what one project sees, and nothing else."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from catalog.models import Provider, ProviderCheck
from gateway.providers import health as provider_health
from gateway.providers.checks import check_due
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    LimitFactory,
    ProviderFactory,
)
from tests.gateway.conftest import Offer, offered_model
from tests.gateway.live import LiveGateway


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_health, "_KEPT_S", 0.0)
    monkeypatch.setattr("gateway.providers.checks._JITTER_S", 0.0)


@pytest.fixture
def keyless(provider: Provider) -> Provider:
    """A provider that the platform has no key for."""
    keyless = ProviderFactory.create(slug="keyless", name="Key Less", region="eu")
    EndpointFactory.create(provider=keyless)
    AIModelFactory.create(
        provider=keyless, model_id="large", capabilities=["vision", "text"]
    )
    return keyless


def providers(http: httpx.Client) -> dict[str, Any]:
    response = http.get("/api/ai/providers")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def health(http: httpx.Client) -> dict[str, Any]:
    response = http.get("/api/ai/health")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def checked(provider: Provider, status: str, **fields: Any) -> None:
    ProviderCheck.objects.create(
        provider=provider, status=status, latency_ms=12, **fields
    )


def test_providers_are_listed_with_what_they_offer(
    http: httpx.Client, offer: Offer, keyless: Provider, project: Project
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=60, per="minute")
    offer("sim-chat", "sim-chat-large")

    assert providers(http) == {
        "total": 2,
        "active": 1,
        "providers": [
            {
                "name": "keyless",
                "displayName": "Key Less",
                "isConfigured": False,
                "defaultModel": "large",
                "capabilities": ["text", "vision"],
                "estimatedCost": {"inputPerMToken": None, "outputPerMToken": None},
                "rateLimits": {"requestsPerMinute": 60},
            },
            {
                "name": "sim",
                "displayName": "Sim",
                "isConfigured": True,
                "defaultModel": "sim-chat",
                "capabilities": ["text"],
                "estimatedCost": {"inputPerMToken": 1.0, "outputPerMToken": 2.0},
                "rateLimits": {"requestsPerMinute": 60},
            },
        ],
    }


def test_a_projects_own_key_configures_a_provider_for_it_alone(
    http: httpx.Client,
    live: LiveGateway,
    keyless: Provider,
    project: Project,
    other_project: Project,
) -> None:
    CredentialFactory.create(provider=keyless, project=other_project)
    live.caught_up()
    assert providers(http)["active"] == 0
    assert health(http)["providers"]["keyless"]["status"] == "missing"

    CredentialFactory.create(provider=keyless, project=project)
    live.caught_up()
    assert providers(http)["active"] == 1
    assert health(http)["providers"]["keyless"]["status"] == "configured"


def test_what_is_private_to_others_is_not_named(
    http: httpx.Client, live: LiveGateway, provider: Provider, other_project: Project
) -> None:
    secret = ProviderFactory.create(slug="secret", project=other_project)
    EndpointFactory.create(provider=secret)
    AIModelFactory.create(provider=secret)
    offered_model(provider, "sim-chat")
    checked(secret, "failing")
    live.caught_up()

    assert "secret" not in str(providers(http))
    assert health(http)["overall"] == "healthy"
    assert "secret" not in str(health(http))


def test_a_private_provider_is_shown_to_its_project(
    http: httpx.Client, live: LiveGateway, upstream: Simulator, project: Project
) -> None:
    own = ProviderFactory.create(
        slug="our-own",
        project=project,
        base_url=upstream.url,
        allow_private_addresses=True,
    )
    EndpointFactory.create(provider=own)
    CredentialFactory.create(provider=own, project=project)
    offered_model(own, "sim-chat")
    live.caught_up()
    assert check_due() == 1

    assert providers(http)["providers"][0]["name"] == "our-own"
    assert health(http)["providers"]["our-own"]["status"] == "ok"
    answer = http.post("/api/ai/generate", json={"prompt": "Hi", "provider": "our-own"})
    assert answer.json()["provider"] == "our-own", answer.text


def test_regions_that_are_not_allowed_are_not_listed(
    http: httpx.Client,
    live: LiveGateway,
    keyless: Provider,
    provider: Provider,
    project: Project,
) -> None:
    offered_model(provider, "sim-chat")
    project.allowed_regions = ["eu"]
    project.save()
    live.caught_up()

    assert [each["name"] for each in providers(http)["providers"]] == ["keyless"]
    assert list(health(http)["providers"]) == ["keyless"]


def test_health_tells_how_the_last_check_went(
    http: httpx.Client, offer: Offer, keyless: Provider, project: Project
) -> None:
    offer("sim-chat", strategy="cheapest")
    project.default_alias = "fast"
    project.save()
    assert health(http)["providers"]["sim"] == {
        "status": "configured",
        "latencyMs": None,
        "checkedAt": None,
    }

    check_due()

    found = health(http)
    sim = found["providers"]["sim"]
    assert (found["overall"], sim["status"]) == ("healthy", "ok")
    assert sim["latencyMs"] >= 0
    assert sim["checkedAt"].endswith("+00:00")
    assert found["providers"]["keyless"]["status"] == "missing"
    assert found["routing"] == {
        "activeProviders": 1,
        "routingStrategy": "cheapest",
        "providers": ["sim"],
    }


def test_a_failing_provider_degrades_and_the_last_one_ends_it(
    http: httpx.Client, live: LiveGateway, provider: Provider
) -> None:
    second = ProviderFactory.create(slug="second")
    EndpointFactory.create(provider=second)
    CredentialFactory.create(provider=second)
    for each in (provider, second):
        offered_model(each, "sim-chat")
    live.caught_up()

    checked(provider, "ok")
    checked(second, "failing", message="HTTP 503: not for you")
    degraded = health(http)
    checked(provider, "failing")
    down = health(http)

    assert degraded["overall"] == "degraded"
    assert degraded["routing"]["providers"] == ["sim"]
    assert "not for you" not in str(degraded)
    assert (down["overall"], down["routing"]["activeProviders"]) == ("down", 0)


def test_the_platforms_refused_key_says_nothing_of_the_projects_own(
    http: httpx.Client, live: LiveGateway, provider: Provider, project: Project
) -> None:
    offered_model(provider, "sim-chat")
    checked(provider, "failing", http_status=401)
    live.caught_up()
    assert health(http)["providers"]["sim"]["status"] == "failing"

    CredentialFactory.create(provider=provider, project=project)
    live.caught_up()
    assert health(http)["providers"]["sim"]["status"] == "configured"

    checked(provider, "failing", http_status=503)
    assert health(http)["providers"]["sim"]["status"] == "failing"


def test_an_old_check_says_nothing_about_now(
    http: httpx.Client, live: LiveGateway, provider: Provider
) -> None:
    offered_model(provider, "sim-chat")
    checked(provider, "failing", checked_at=timezone.now() - timedelta(minutes=20))
    live.caught_up()

    assert health(http)["providers"]["sim"]["status"] == "configured"


def test_what_was_read_is_kept_for_a_while(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offered_model(provider, "sim-chat")
    live.caught_up()
    monkeypatch.setattr(provider_health, "_KEPT_S", 60.0)
    assert health(http)["providers"]["sim"]["status"] == "configured"

    checked(provider, "failing")

    assert health(http)["providers"]["sim"]["status"] == "configured"
    live.gateway.health._good_until = 0.0


def test_without_the_table_the_rest_is_told(
    http: httpx.Client, live: LiveGateway, provider: Provider
) -> None:
    offered_model(provider, "sim-chat")
    checked(provider, "ok")
    live.caught_up()
    assert health(http)["providers"]["sim"]["status"] == "ok"

    live.gateway.snapshot._tenants.database_is_away = True
    try:
        checked(provider, "failing")
        assert health(http)["providers"]["sim"]["status"] == "ok", "what was known"
    finally:
        live.gateway.snapshot._tenants.database_is_away = False
    connection.close()


@pytest.mark.parametrize("path", ["/api/ai/providers", "/api/ai/health"])
def test_both_need_a_key(live: LiveGateway, path: str) -> None:
    response = httpx.get(live.url + path)

    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"
