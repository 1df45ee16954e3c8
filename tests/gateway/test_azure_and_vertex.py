"""Known protocols at other addresses: Azure's deployments, and Claude on Vertex AI."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import openai
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
from tests.gateway.live import LiveGateway
from tests.gateway.scripted_upstream import ScriptedUpstream

HELLO: Any = [{"role": "user", "content": "Hello there"}]
LEGACY = "/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21"
CLAUDE = "/publishers/anthropic/models/{model}:rawPredict"


def offered(
    live: LiveGateway, slug: str, model_id: str, pattern: str, **fields: Any
) -> str:
    provider = ProviderFactory.create(slug=slug, allow_private_addresses=True, **fields)
    EndpointFactory.create(provider=provider, pattern=pattern)
    CredentialFactory.create(provider=provider, value="key-of-the-platform")
    model = AIModelFactory.create(
        provider=provider, model_id=model_id, max_output_tokens=4096
    )
    for component in ("input", "output"):
        PriceFactory.create(model=model, component=component, per_million=Decimal(1))
    live.caught_up()
    return f"{slug}/{model_id}"


def azure(live: LiveGateway, url: str, pattern: str = LEGACY, **fields: Any) -> str:
    return offered(
        live,
        "azure",
        "my-gpt-4o",
        pattern,
        base_url=url,
        auth="header:api-key",
        **fields,
    )


def claude(live: LiveGateway, url: str) -> str:
    return offered(
        live,
        "vertex-anthropic",
        "claude-sonnet-4-5@20250929",
        CLAUDE,
        base_url=f"{url}/v1/projects/p/locations/global",
        handler="anthropic_messages",
        drop_params=["model"],
        add_params={"anthropic_version": "vertex-2023-10-16"},
    )


@pytest.fixture
def house(live: LiveGateway) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as house:
        yield house


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (
            LEGACY,
            b"/openai/deployments/my-gpt-4o/chat/completions?api-version=2024-10-21",
        ),
        ("/openai/v1/chat/completions", b"/openai/v1/chat/completions"),
    ],
    ids=["deployments", "v1"],
)
def test_azure_is_asked_at_its_own_paths(
    live: LiveGateway,
    http: httpx.Client,
    house: ScriptedUpstream,
    pattern: str,
    line: bytes,
) -> None:
    model = azure(live, house.url, pattern)
    house.says_whole(b'{"choices":[{"message":{"content":"a"}}]}')

    response = http.post(
        "/v1/chat/completions", json={"model": model, "messages": HELLO}
    )

    assert response.status_code == 200, response.text
    head, _, body = house.said[0].request.partition(b"\r\n\r\n")
    assert head.partition(b"\r\n")[0] == b"POST %b HTTP/1.1" % line
    assert b"\r\napi-key: key-of-the-platform\r\n" in head
    assert b"authorization" not in head.lower()
    assert json.loads(body) == {"model": "my-gpt-4o", "messages": HELLO}


def test_a_credential_in_the_query_follows_the_patterns_own(
    live: LiveGateway, http: httpx.Client, house: ScriptedUpstream
) -> None:
    model = azure(live, house.url)
    Provider.objects.update(auth="query:subscription-key")
    live.caught_up()
    house.says_whole(b'{"choices":[{"message":{"content":"a"}}]}')

    http.post("/v1/chat/completions", json={"model": model, "messages": HELLO})

    assert b"?api-version=2024-10-21&subscription-key=key-of-" in house.said[0].request


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_the_model_is_dropped_and_constants_are_added_in_every_dialect(
    live: LiveGateway,
    http: httpx.Client,
    upstream: Simulator,
    dialect: str,
    stream: bool,
) -> None:
    model = azure(
        live,
        upstream.url,
        drop_params=["model"],
        add_params={"safe": True, "temperature": 0.25},
    )
    path = "/v1/chat/completions" if dialect == "openai" else "/v1/messages"
    body = {"model": model, "messages": HELLO, "stream": stream, "max_tokens": 9}
    upstream.reset()

    http.post(path, json=body)
    http.post(path, json={**body, "temperature": 1})

    unset, own = (call.body or {} for call in upstream.calls)
    assert "model" not in unset
    assert (unset["safe"], unset["temperature"]) == (True, 0.25)
    assert (own["safe"], own["temperature"]) == (True, 1)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_claude_on_vertex_gets_a_version_in_place_of_a_model(
    live: LiveGateway,
    key: str,
    client: openai.OpenAI,
    upstream: Simulator,
    stream: bool,
) -> None:
    model = claude(live, upstream.url)
    method = "streamRawPredict" if stream else "rawPredict"

    with anthropic.Anthropic(base_url=live.url, api_key=key, max_retries=0) as relayed:
        if stream:
            with relayed.messages.stream(
                model=model, max_tokens=100, messages=HELLO
            ) as events:
                first = events.get_final_text()
            chunks = client.chat.completions.create(
                model=model, messages=HELLO, stream=True
            )
            second = "".join(
                c.delta.content or "" for chunk in chunks for c in chunk.choices
            )
        else:
            (block,) = relayed.messages.create(
                model=model, max_tokens=100, messages=HELLO
            ).content
            assert block.type == "text"
            first = block.text
            reply = client.chat.completions.create(model=model, messages=HELLO)
            second = reply.choices[0].message.content or ""

    assert "You wrote: Hello there" in first
    assert "You wrote: Hello there" in second
    assert len(upstream.calls) == 2
    for call in upstream.calls:
        assert call.body is not None
        assert "model" not in call.body
        assert call.body["anthropic_version"] == "vertex-2023-10-16"
        assert call.model == "claude-sonnet-4-5@20250929"
        assert call.stream is stream, method


def test_claude_on_vertex_is_asked_at_its_path(
    live: LiveGateway, http: httpx.Client, house: ScriptedUpstream
) -> None:
    model = claude(live, house.url)

    for stream in (False, True):
        http.post(
            "/v1/messages",
            json={
                "model": model,
                "max_tokens": 9,
                "messages": HELLO,
                "stream": stream,
            },
        )

    place = b"POST /v1/projects/p/locations/global/publishers/anthropic/models/"
    lines = [said.request.partition(b"\r\n")[0] for said in house.said]
    # It says nothing, so that it is asked more than once.
    assert list(dict.fromkeys(lines)) == [
        place + b"claude-sonnet-4-5@20250929:rawPredict HTTP/1.1",
        place + b"claude-sonnet-4-5@20250929:streamRawPredict HTTP/1.1",
    ]
