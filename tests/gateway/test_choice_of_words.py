"""What a project insists on, and what a client's own protocol version becomes."""

from typing import Any

import httpx
import pytest

from catalog.models import Provider
from tenants.models import Project
from tests.factories import EndpointFactory
from tests.gateway.asking import HELLO, PATH
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from tests.gateway.scripted_upstream import ScriptedUpstream

MESSAGES_PATH = "/v1/messages"
ASKED: Any = {"model": "fast", "messages": HELLO, "max_tokens": 100}


@pytest.fixture
def anthropic_provider(provider: Provider) -> Provider:
    provider.handler = "anthropic_messages"
    provider.save()
    provider.endpoints.all().delete()
    EndpointFactory.create(provider=provider, pattern=MESSAGES_PATH)
    return provider


@pytest.mark.usefixtures("anthropic_provider")
def test_a_strict_project_is_told_what_a_model_has_no_word_for(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")
    asked = {**ASKED, "logit_bias": {"1": 2}}

    dropped = http.post(PATH, json=asked)
    project.strict_params = True
    project.save()
    live.caught_up()
    refused = http.post(PATH, json=asked)

    assert dropped.status_code == 200
    assert dropped.headers["x-signalbox-dropped-params"] == "logit_bias"
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert (error["code"], error["param"]) == ("invalid_request", "logit_bias")
    assert len(live.events(project)) == 1


@pytest.mark.usefixtures("anthropic_provider")
def test_the_version_and_experiments_of_a_client_reach_a_provider_of_its_dialect(
    http: httpx.Client, offer: Offer, provider: Provider
) -> None:
    with ScriptedUpstream() as upstream:
        upstream.says_whole(b"{}")
        Provider.objects.update(base_url=upstream.url)
        offer("any-model")
        headers = {"anthropic-version": "2026-10-21", "anthropic-beta": "a-1,b-2"}

        http.post(MESSAGES_PATH, json=ASKED, headers=headers)
        http.post(PATH, json=ASKED, headers=headers)

        own, translated = (said.request.lower() for said in upstream.said)

    assert own.count(b"anthropic-version:") == 1
    assert b"anthropic-version: 2026-10-21\r\n" in own
    assert b"anthropic-beta: a-1,b-2\r\n" in own
    assert b"anthropic-version: 2023-06-01\r\n" in translated
    assert b"anthropic-beta" not in translated


@pytest.mark.usefixtures("anthropic_provider")
def test_a_header_that_could_not_be_passed_on_is_refused(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-chat")

    response = http.post(
        MESSAGES_PATH, json=ASKED, headers={"anthropic-beta": "x" * 3000}
    )

    assert response.status_code == 400
    assert "anthropic-beta" in response.json()["error"]["message"]


@pytest.mark.parametrize(("slug", "is_sent"), [("openrouter", True), ("other", False)])
def test_the_provider_object_is_for_us_alone_unless_a_router_is_asked(
    http: httpx.Client, offer: Offer, provider: Provider, slug: str, is_sent: bool
) -> None:
    with ScriptedUpstream() as upstream:
        upstream.says_whole(b"{}")
        provider.slug, provider.base_url = slug, upstream.url
        provider.save()
        offer("any-model")

        http.post(PATH, json={**ASKED, "provider": {"allow_fallbacks": False}})

        (said,) = upstream.said

    assert (b'"allow_fallbacks"' in said.request) is is_sent
