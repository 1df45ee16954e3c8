"""Every route that asks a provider answers a request with a key once (C10)."""

from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import pytest

from catalog.models import Provider
from gateway.simulator import Simulator
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.asking import HELLO
from tests.gateway.conftest import Offer, offered_model
from tests.gateway.idempotency.conftest import is_replay
from tests.gateway.live import LiveGateway
from tests.gateway.sounds import UPLOAD, offer_sound

HEADERS = {"idempotency-key": "order-1"}
GEMINI = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
TALK: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"model": "fast", "messages": HELLO}),
    "responses": ("/v1/responses", {"model": "fast", "input": "Hello"}),
    "responses stream": (
        "/v1/responses",
        {"model": "fast", "input": "Hello", "stream": True},
    ),
    "messages": (
        "/v1/messages",
        {"model": "fast", "max_tokens": 9, "messages": HELLO},
    ),
    "messages stream": (
        "/anthropic/v1/messages",
        {"model": "fast", "max_tokens": 9, "messages": HELLO, "stream": True},
    ),
    "gemini": ("/v1beta/models/fast:generateContent", GEMINI),
    "gemini array": ("/v1beta/models/fast:streamGenerateContent", GEMINI),
    "gemini events": ("/v1beta/models/fast:streamGenerateContent?alt=sse", GEMINI),
    "own": ("/api/ai/generate", {"model": "fast", "prompt": "Hello"}),
    "own stream": ("/api/ai/stream", {"model": "fast", "prompt": "Hello"}),
    "proxy": (
        "/proxy/sim/v1/chat/completions",
        {"model": "sim-chat", "messages": HELLO},
    ),
    "proxy stream": (
        "/proxy/sim/v1/chat/completions",
        {"model": "sim-chat", "messages": HELLO, "stream": True},
    ),
}
OPERATIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "embeddings": ("openai_embeddings", "/v1/embeddings", {"input": "Red fox"}),
    "moderation": ("openai_moderation", "/v1/moderations", {"input": "Red fox"}),
    "images": ("openai_images", "/v1/images/generations", {"prompt": "Red fox"}),
    "rerank": (
        "cohere_rerank",
        "/v1/rerank",
        {"query": "fox", "documents": ["red fox", "snow"]},
    ),
}


def check_twice(ask: Callable[[], httpx.Response], upstream: Simulator) -> None:
    """Ask twice and see the same bytes, of which the provider was asked for once."""
    first, second = ask(), ask()
    assert (is_replay(first), is_replay(second)) == (False, True)
    assert first.content == second.content
    assert first.content
    for name in ("content-type", "x-signalbox-provider", "x-signalbox-model"):
        assert first.headers[name] == second.headers[name]
    assert len(upstream.calls) == 1


@pytest.mark.parametrize("route", TALK)
def test_conversations(
    http: httpx.Client, offer: Offer, upstream: Simulator, route: str
) -> None:
    offer("sim-chat")
    path, body = TALK[route]

    check_twice(lambda: http.post(path, json=body, headers=HEADERS), upstream)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_other_operations(
    live: LiveGateway, http: httpx.Client, upstream: Simulator, operation: str
) -> None:
    protocol, path, body = OPERATIONS[operation]
    provider = ProviderFactory.create(
        slug="sim",
        base_url=upstream.url,
        handler=protocol,
        allow_private_addresses=True,
    )
    pattern = path.replace("/v1/", "/v2/") if operation == "rerank" else path
    EndpointFactory.create(provider=provider, operation=operation, pattern=pattern)
    CredentialFactory.create(provider=provider)
    model = AIModelFactory.create(
        provider=provider, model_id="sim-chat", operations=[operation]
    )
    for component in ("input", "search", "image"):
        PriceFactory.create(model=model, component=component)
    live.caught_up()
    asked = {"model": "sim/sim-chat", **body}

    check_twice(lambda: http.post(path, json=asked, headers=HEADERS), upstream)


@pytest.mark.parametrize("path", ["embedContent", "batchEmbedContents"])
def test_embeddings_of_gemini(
    live: LiveGateway, http: httpx.Client, upstream: Simulator, path: str
) -> None:
    provider = ProviderFactory.create(
        slug="sim", base_url=upstream.url, allow_private_addresses=True
    )
    EndpointFactory.create(
        provider=provider,
        operation="embeddings",
        handler="openai_embeddings",
        pattern="/v1/embeddings",
    )
    CredentialFactory.create(provider=provider)
    model = AIModelFactory.create(
        provider=provider, model_id="sim-chat", operations=["embeddings"]
    )
    PriceFactory.create(model=model, component="input")
    live.caught_up()
    one = {"content": {"parts": [{"text": "Red fox"}]}}
    body = one if path == "embedContent" else {"requests": [one]}
    url = f"/v1beta/models/sim/sim-chat:{path}"

    check_twice(lambda: http.post(url, json=body, headers=HEADERS), upstream)


def test_a_sound_is_spoken_once(
    live: LiveGateway, http: httpx.Client, upstream: Simulator
) -> None:
    offer_sound(live, upstream, "openai_speech", "tts-1", sold_by=("character",))
    body = {"model": "voice", "voice": "alloy", "input": "Hello there"}

    check_twice(
        lambda: http.post("/v1/audio/speech", json=body, headers=HEADERS), upstream
    )


def test_a_form_is_read_once_although_its_boundary_is_new(
    live: LiveGateway, http: httpx.Client, upstream: Simulator
) -> None:
    offer_sound(
        live, upstream, "openai_transcription", "whisper-1", sold_by=("second",)
    )

    def ask() -> httpx.Response:
        return http.post(
            "/v1/audio/transcriptions",
            data={"model": "voice"},
            files={"file": UPLOAD},
            headers=HEADERS,
        )

    check_twice(ask, upstream)


@pytest.mark.parametrize("path", ["/v1/route/explain", "/v1/messages/count_tokens"])
def test_what_costs_nothing_is_reckoned_anew(
    http: httpx.Client, offer: Offer, path: str
) -> None:
    offer("sim-chat")
    body = {"model": "fast", "messages": HELLO, "max_tokens": 9}

    for _ in range(2):
        assert not is_replay(http.post(path, json=body, headers=HEADERS))


def test_a_provider_is_not_told_the_key(
    http: httpx.Client, provider: Provider, live: LiveGateway, upstream: Simulator
) -> None:
    """Two projects may choose the same one, and share a credential."""
    offered_model(provider, "sim-chat")
    live.caught_up()
    path, body = TALK["proxy"]

    http.post(path, json=body, headers=HEADERS)

    assert "idempotency-key" not in {name.lower() for name in upstream.calls[0].headers}


def test_an_error_that_is_passed_on_is_not_kept(
    http: httpx.Client, provider: Provider, live: LiveGateway, upstream: Simulator
) -> None:
    offered_model(provider, "sim-chat")
    live.caught_up()
    path, body = TALK["proxy"]
    upstream.change("sim-chat", fault="400")
    assert http.post(path, json=body, headers=HEADERS).status_code == 400
    upstream.reset()

    check_twice(lambda: http.post(path, json=body, headers=HEADERS), upstream)


def test_a_refusal_has_the_shape_of_its_dialect(
    live: LiveGateway, key: str, offer: Offer
) -> None:
    offer("sim-chat")

    def ask(text: str) -> None:
        client.messages.create(
            model="fast",
            max_tokens=9,
            messages=[{"role": "user", "content": text}],
            extra_headers=HEADERS,
        )

    with anthropic.Anthropic(
        base_url=f"{live.url}/anthropic", api_key=key, max_retries=0
    ) as client:
        ask("one")
        with pytest.raises(anthropic.UnprocessableEntityError) as caught:
            ask("other")
    assert "idempotency_key_reused" in str(caught.value.body)
