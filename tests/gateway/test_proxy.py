"""Calls in a provider's own words, at its own paths, with a project key."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import pytest

from catalog.models import Credential, Provider
from gateway.configuration.records import EndpointRecord, ProviderRecord
from gateway.passed_paths import find_endpoint
from gateway.refusals import RouteNotFound
from gateway.resilience import quarantine
from gateway.resilience.breaker import FAILURES_TO_OPEN
from gateway.simulator import Simulator
from tenants.models import ApiKey, Limit, Project
from tests.factories import CredentialFactory, EndpointFactory
from tests.gateway.asking import HELLO
from tests.gateway.conftest import CREDENTIAL, offered_model
from tests.gateway.live import LiveGateway, wait_until
from tests.gateway.records import PROVIDER
from tests.gateway.scripted_upstream import ScriptedUpstream

PATH = "/proxy/sim/v1/chat/completions"
ASKED: Any = {"model": "sim-chat", "messages": HELLO}


@pytest.fixture(autouse=True)
def model(live: LiveGateway, provider: Provider) -> None:
    offered_model(provider, "sim-chat")
    live.caught_up()


def provider_with(*patterns: tuple[str, str]) -> ProviderRecord:
    endpoints = tuple(
        EndpointRecord(n, "chat", pattern, handler, 1)
        for n, (pattern, handler) in enumerate(patterns)
    )
    return replace(PROVIDER, endpoints={"chat": endpoints})


def test_an_answer_comes_back_as_the_provider_gave_it_and_is_metered(
    http: httpx.Client, live: LiveGateway, upstream: Simulator, project: Project
) -> None:
    response = http.post(
        PATH, json=ASKED, headers={"x-signalbox-feature": "chat", "x-own": "kept"}
    )

    direct = httpx.post(
        f"{upstream.url}/v1/chat/completions",
        json=ASKED,
        headers={"authorization": "Bearer x"},
    ).json()
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["choices"] == direct["choices"]
    (event,) = live.events(project)
    assert (event.provider, event.model, event.feature) == ("sim", "sim-chat", "chat")
    assert event.input_tokens == body["usage"]["prompt_tokens"]
    assert event.output_tokens == body["usage"]["completion_tokens"]
    assert Decimal(response.headers["x-signalbox-cost-usd"]) == event.cost_usd
    assert response.headers["x-signalbox-provider"] == "sim"
    assert response.headers["cache-control"] == "private, no-store"


def test_the_credential_takes_the_place_of_the_key_and_nothing_of_ours_is_sent(
    http: httpx.Client, live: LiveGateway, provider: Provider, key: str
) -> None:
    with ScriptedUpstream() as upstream:
        upstream.says_whole(b"{}")
        Provider.objects.update(base_url=upstream.url)
        live.caught_up()

        http.post(
            f"{PATH}?key={key}&trace=1",
            json=ASKED,
            headers={
                "x-api-key": key,
                "cookie": "a=b",
                "x-signalbox-user": "u",
                "x-forwarded-for": "1.2.3.4",
                "openai-beta": "assistants=v2",
            },
        )
        (said,) = upstream.said

    head = said.request.partition(b"\r\n\r\n")[0].decode()
    assert head.startswith("POST /v1/chat/completions?trace=1 HTTP/1.1\r\n")
    assert f"authorization: Bearer {CREDENTIAL}" in head
    assert "openai-beta: assistants=v2" in head
    assert key not in head
    for name in ("x-api-key", "cookie", "x-signalbox", "x-forwarded"):
        assert name not in head


def test_a_stream_is_passed_on_and_its_usage_read(
    http: httpx.Client, live: LiveGateway, project: Project
) -> None:
    asked = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}

    response = http.post(PATH, json=asked)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.endswith("data: [DONE]\n\n")
    (event,) = live.events(project)
    assert event.status == "ok"
    assert event.streamed
    assert event.output_tokens > 0
    assert not event.estimated


def test_an_error_of_the_provider_passes_through_without_our_credential(
    http: httpx.Client, live: LiveGateway, provider: Provider, project: Project
) -> None:
    with ScriptedUpstream() as upstream:
        body = b'{"error": {"message": "no such key %s"}}' % CREDENTIAL.encode()
        head = (
            b"HTTP/1.1 401 No\r\ncontent-type: application/json\r\nset-cookie: a=b\r\n"
        )
        upstream.says(head + b"content-length: %d\r\n\r\n%b" % (len(body), body))
        Provider.objects.update(base_url=upstream.url)
        live.caught_up()

        response = http.post(PATH, json=ASKED)

    assert response.status_code == 401
    assert "no such key" in response.json()["error"]["message"]
    assert CREDENTIAL not in response.text
    assert "set-cookie" not in response.headers
    (event,) = live.events(project)
    assert (event.status, event.http_status) == ("failed", 401)
    assert event.cost_usd == 0


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/proxy/sim/v1/files", 404, "not_found"),
        ("/proxy/sim/v1/chat/completions/", 404, "not_found"),
        ("/proxy/sim/v1/%2e%2e/v1/chat/completions", 404, "not_found"),
        ("/proxy/sim//v1/chat/completions", 404, "not_found"),
        ("/proxy/nobody/v1/chat/completions", 404, "not_found"),
    ],
)
def test_only_paths_of_an_endpoint_are_passed_on(
    live: LiveGateway, key: str, upstream: Simulator, path: str, status: int, code: str
) -> None:
    response = httpx.post(
        live.url + path, json=ASKED, headers={"authorization": f"Bearer {key}"}
    )

    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert not upstream.calls


def test_a_model_that_is_not_named_or_not_known_is_refused(
    http: httpx.Client, upstream: Simulator
) -> None:
    unnamed = http.post(PATH, json={"messages": HELLO})
    unknown = http.post(PATH, json={**ASKED, "model": "sim-unheard-of"})

    assert (unnamed.status_code, unnamed.json()["error"]["param"]) == (400, "model")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (
        404,
        "model_not_found",
    )
    assert not upstream.calls


def test_limits_regions_and_scopes_hold(
    live: LiveGateway, project: Project, http: httpx.Client, upstream: Simulator
) -> None:
    Limit.objects.create(project=project, metric="requests", amount=1, per="minute")
    live.caught_up()
    codes = [http.post(PATH, json=ASKED).status_code for _ in range(2)]
    _, scoped = ApiKey.issue(project, "scoped", scopes=["embeddings"])
    refused = httpx.post(
        live.url + PATH, json=ASKED, headers={"authorization": f"Bearer {scoped}"}
    )
    project.allowed_regions = ["eu"]
    project.save()
    Limit.objects.all().delete()
    live.caught_up()
    abroad = http.post(PATH, json=ASKED)

    assert codes == [200, 429]
    assert refused.json()["error"]["code"] == "permission_denied"
    assert abroad.json()["error"]["code"] == "residency_violation"
    assert len(upstream.calls) == 1


def test_anthropics_client_speaks_to_the_provider_through_its_own_path(
    live: LiveGateway, provider: Provider, key: str, project: Project
) -> None:
    EndpointFactory.create(
        provider=provider, pattern="/v1/messages", handler="anthropic_messages"
    )
    live.caught_up()

    with anthropic.Anthropic(
        base_url=f"{live.url}/proxy/sim", api_key=key, max_retries=0
    ) as client:
        whole = client.messages.create(model="sim-chat", max_tokens=50, messages=HELLO)
        with client.messages.stream(
            model="sim-chat", max_tokens=50, messages=HELLO
        ) as stream:
            streamed = stream.get_final_message()

    assert whole.content[0].type == streamed.content[0].type == "text"
    events = live.events(project)
    assert {event.output_tokens for event in events} == {
        whole.usage.output_tokens,
        streamed.usage.output_tokens,
    }


def test_names_in_a_path_may_hold_an_encoded_slash_and_lead_nowhere_else() -> None:
    provider = provider_with(
        ("/v1beta/models/{model}:generateContent", "gemini_generate"),
        (
            "/openai/deployments/{deployment}/chat/completions?api-version=1",
            "openai_chat",
        ),
    )

    gemini = find_endpoint(provider, "/v1beta/models/a%2Fb:generateContent")
    stream = find_endpoint(provider, "/v1beta/models/m:streamGenerateContent")
    azure = find_endpoint(provider, "/openai/deployments/mine/chat/completions")

    assert gemini.model_id == "a/b"
    assert stream.model_id == "m"
    assert azure.model_id == "mine"
    for path in (
        "/v1beta/models/..:generateContent",
        "/v1beta/models/%2e%2e:generateContent",
        "/v1beta/models/a%2F..%2Fb:generateContent",
        "/v1beta/models/a/b:generateContent",
        "/v1beta/models/a%0Ab:generateContent",
    ):
        with pytest.raises(RouteNotFound):
            find_endpoint(provider, path)


@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_keeps_failing_is_left_alone_by_these_calls_too(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    upstream: Simulator,
    stream: bool,
) -> None:
    fault = "error-midstream-1" if stream else "503"
    offered_model(provider, f"sim-fault-{fault}")
    live.caught_up()
    asked = {**ASKED, "model": f"sim-fault-{fault}", "stream": stream}

    for _ in range(FAILURES_TO_OPEN):
        http.post(PATH, json=asked)
    refused = http.post(PATH, json=asked)

    assert (refused.status_code, refused.json()["error"]["code"]) == (
        503,
        "no_healthy_candidate",
    )
    assert "retry-after" in refused.headers
    assert len(upstream.calls) == FAILURES_TO_OPEN


def test_a_limited_provider_is_left_alone_for_as_long_as_it_said(
    http: httpx.Client, live: LiveGateway, provider: Provider, upstream: Simulator
) -> None:
    offered_model(provider, "sim-fault-429-retry-after-30")
    live.caught_up()

    told, refused = (
        http.post(PATH, json={**ASKED, "model": "sim-fault-429-retry-after-30"})
        for _ in range(2)
    )

    assert told.status_code == refused.status_code == 429
    assert 28 <= int(refused.headers["retry-after"]) <= 30
    assert len(upstream.calls) == 1


def test_a_refused_credential_gives_way_to_another_one(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quarantine, "GRACE_S", 0.05)
    row = Credential.objects.get()
    row.put("sk-invalid")
    row.save()
    CredentialFactory.create(provider=provider, name="second", value=CREDENTIAL)
    live.caught_up()

    refused, answered = (http.post(PATH, json=ASKED) for _ in range(2))

    assert (refused.status_code, answered.status_code) == (401, 200)
    wait_until(lambda: Credential.objects.filter(quarantined_at__isnull=False).exists())


@pytest.mark.parametrize("cut", [b"", b"1"])
def test_a_stream_that_the_provider_breaks_off_is_seen_to_be_broken_u8(
    http: httpx.Client, live: LiveGateway, project: Project, cut: bytes
) -> None:
    with ScriptedUpstream() as upstream:
        upstream.says(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
            b"transfer-encoding: chunked\r\n\r\n9\r\ndata: {}\n\r\n" + cut
        )
        Provider.objects.update(base_url=upstream.url)
        live.caught_up()

        with http.stream("POST", PATH, json={**ASKED, "stream": True}) as response:
            pieces = response.iter_bytes()
            came = next(pieces)
            with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
                next(pieces)

    assert response.status_code == 200
    assert came == b"data: {}\n"
    (event,) = live.events(project)
    assert event.status == "incomplete"
