"""One answer, told in every dialect, whole and as a stream (K5)."""

import time
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types as google

from gateway.cache.recording import Recorder
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.asking import HELLO, PATH
from tests.gateway.cache.conftest import Ask, cache_of
from tests.gateway.conftest import client_for
from tests.gateway.live import LiveGateway

QUESTION = "What is a signal box for?"


def by_openai(url: str, key: str, *, stream: bool) -> str:
    client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)
    fields: Any = {
        "model": "fast",
        "max_tokens": 60,
        "messages": [{"role": "user", "content": QUESTION}],
    }
    with client:
        if not stream:
            answer = client.chat.completions.create(**fields)
            return answer.choices[0].message.content or ""
        with client.chat.completions.stream(**fields) as events:
            for _ in events:
                pass
            final = events.get_final_completion()
    assert final.choices[0].finish_reason == "stop"
    return final.choices[0].message.content or ""


def by_anthropic(url: str, key: str, *, stream: bool) -> str:
    client = anthropic.Anthropic(
        base_url=f"{url}/anthropic", api_key=key, max_retries=0
    )
    fields: Any = {
        "model": "fast",
        "max_tokens": 60,
        "messages": [{"role": "user", "content": QUESTION}],
    }
    with client:
        if not stream:
            message = client.messages.create(**fields)
        else:
            with client.messages.stream(**fields) as events:
                message = events.get_final_message()
    assert message.stop_reason == "end_turn"
    assert message.usage.output_tokens > 0
    return "".join(part.text for part in message.content if part.type == "text")


def by_gemini(url: str, key: str, *, stream: bool) -> str:
    options = google.HttpOptions(base_url=f"{url}/gemini")
    client = genai.Client(api_key=key, http_options=options)
    fields: Any = {
        "model": "fast",
        "contents": QUESTION,
        "config": google.GenerateContentConfig(max_output_tokens=60),
    }
    with client:
        if not stream:
            return client.models.generate_content(**fields).text or ""
        pieces = list(client.models.generate_content_stream(**fields))
    return "".join(piece.text or "" for piece in pieces)


CLIENTS: dict[str, Callable[..., str]] = {
    "openai": by_openai,
    "anthropic": by_anthropic,
    "gemini": by_gemini,
}
PROTOCOLS = {
    "openai_chat": ("/v1/chat/completions", "bearer"),
    "anthropic_messages": ("/v1/messages", "header:x-api-key"),
}


@pytest.fixture(params=sorted(PROTOCOLS))
def fast(live: LiveGateway, upstream: Simulator, request: Any) -> None:
    """An alias behind which there is one model, of this protocol."""
    pattern, auth = PROTOCOLS[request.param]
    provider = ProviderFactory.create(
        slug="sim",
        base_url=upstream.url,
        handler=request.param,
        auth=auth,
        allow_private_addresses=True,
    )
    EndpointFactory.create(provider=provider, pattern=pattern)
    CredentialFactory.create(provider=provider, value="sk-of-the-platform-123456")
    model = AIModelFactory.create(provider=provider, model_id="sim-chat")
    PriceFactory.create(model=model)
    alias = AliasFactory.create(name="fast")
    AliasTargetFactory.create(alias=alias, model=model)
    live.caught_up()


@pytest.mark.parametrize("first", sorted(CLIENTS))
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_what_one_client_was_told_every_other_is_told_again(
    fast: None,
    live: LiveGateway,
    key: str,
    project: Project,
    upstream: Simulator,
    first: str,
    stream: bool,
) -> None:
    told = CLIENTS[first](live.url, key, stream=stream)
    live.settled()

    for ask in CLIENTS.values():
        for streamed in (False, True):
            assert ask(live.url, key, stream=streamed) == told

    caches = [event.cache for event in live.events(project)]
    assert caches == ["miss", *["hit"] * 6]
    assert len(upstream.calls) == 1


def test_a_stream_ends_as_streams_do(fast: None, ask: Ask) -> None:
    ask()
    options = {"include_usage": True}

    lines = ask(stream=True, stream_options=options).text.strip().split("\n\n")

    assert lines[-1] == "data: [DONE]"
    assert '"usage":{"prompt_tokens"' in lines[-2]
    assert '"finish_reason":"stop"' in lines[-3]


@pytest.mark.parametrize(
    ("first", "second"),
    [("/api/ai/generate", "/api/ai/stream"), ("/api/ai/stream", "/api/ai/generate")],
)
def test_our_own_dialect_says_that_it_knew(
    fast: None, http: httpx.Client, first: str, second: str
) -> None:
    body = {"prompt": QUESTION, "model": "fast", "cache": {"enabled": True, "ttl": 60}}

    assert cache_of(http.post(first, json=body)) == "miss"
    reply = http.post(second, json=body)

    assert cache_of(reply) == "hit"
    assert '"cached":true' in reply.text
    assert '"costUSD":0' in reply.text


def test_our_own_dialect_says_how_long(fast: None, http: httpx.Client) -> None:
    body = {"prompt": QUESTION, "model": "fast", "cache": {"enabled": True, "ttl": 1}}

    def is_cached() -> bool:
        return bool(http.post("/api/ai/generate", json=body).json()["cached"])

    assert [is_cached(), is_cached()] == [False, True]
    time.sleep(1.1)
    assert not is_cached()


def test_a_stream_is_renewed_and_left_out_as_whole_answers_are(
    fast: None, ask: Ask, upstream: Simulator
) -> None:
    wishes = (None, None, "refresh", None, "off")
    found = [cache_of(ask(wish, stream=True)) for wish in wishes]

    assert found == ["miss", "hit", "miss", "hit", "bypass"]
    assert len(upstream.calls) == 3


def test_our_own_dialect_may_leave_the_cache_out(
    fast: None, http: httpx.Client
) -> None:
    body = {"prompt": QUESTION, "model": "fast", "cache": {"enabled": False}}

    caches = [cache_of(http.post("/api/ai/generate", json=body)) for _ in range(2)]

    assert caches == ["bypass", "bypass"]


def test_responses_are_kept_as_what_they_are(
    fast: None, live: LiveGateway, key: str, upstream: Simulator
) -> None:
    with client_for(live, key) as client:
        first = client.responses.create(model="fast", input=QUESTION)
        second = client.responses.create(model="fast", input=QUESTION)
        with client.responses.stream(model="fast", input=QUESTION) as events:
            third = events.get_final_response()

    assert first.output_text == second.output_text == third.output_text
    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    ("fault", "is_kept"),
    [
        ("truncate", False),
        ("no-done", False),
        ("error-midstream-3", False),
        ("fragments", True),
        ("odd-sse", True),
    ],
)
def test_only_a_stream_that_came_to_its_end_is_kept(
    offer: Any,
    ask: Ask,
    live: LiveGateway,
    upstream: Simulator,
    fault: str,
    is_kept: bool,
) -> None:
    """K2."""
    upstream.change(pace_ms=10)
    offer(f"sim-fault-{fault}", name="bad")

    first = ask(model="bad", stream=True)
    live.settled()
    second = ask(model="bad", stream=True)

    assert cache_of(first) == "miss"
    assert cache_of(second) == ("hit" if is_kept else "miss")


def test_a_stream_that_its_client_left_is_not_kept(
    offer: Any, ask: Ask, http: httpx.Client, live: LiveGateway
) -> None:
    """C1, K2."""
    offer("sim-chat-pace-20-events-30", name="long")
    body = {"model": "long", "messages": HELLO, "max_tokens": 50, "stream": True}
    with http.stream("POST", PATH, json=body) as reply:
        next(reply.iter_bytes())
    live.settled()

    assert cache_of(ask(model="long")) == "miss"


def test_a_stream_that_is_too_long_to_keep_is_relayed_all_the_same(
    offer: Any, ask: Ask, live: LiveGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recorder.__init__, "__defaults__", (99,))
    offer("sim-chat", name="long")

    texts = {ask(model="long", stream=True).text.count("data:") for _ in range(2)}
    live.settled()

    assert len(texts) == 1
    assert cache_of(ask(model="long", stream=True)) == "miss"
