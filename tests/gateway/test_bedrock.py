"""Amazon Bedrock behind OpenAI's client: signed calls, binary streams, its own errors."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

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
from tests.gateway.signatures import KEYS, is_signed

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
    },
}
HELLO: Any = [{"role": "user", "content": "Hello there"}]


def bedrock(url: str) -> Provider:
    provider = ProviderFactory.create(
        slug="bedrock",
        base_url=url,
        handler="bedrock_converse",
        auth="aws_sigv4",
        allow_private_addresses=True,
    )
    EndpointFactory.create(provider=provider, pattern="/model/{model}/converse")
    EndpointFactory.create(
        provider=provider,
        operation="embeddings",
        pattern="/model/{model}/invoke",
        handler="bedrock_embeddings",
    )
    CredentialFactory.create(provider=provider, value=json.dumps(KEYS))
    return provider


def offered(
    live: LiveGateway, provider: Provider, model_id: str, operation: str = "chat"
) -> str:
    model = AIModelFactory.create(
        provider=provider, model_id=model_id, operations=[operation]
    )
    for component in ("input", "output"):
        PriceFactory.create(model=model, component=component, per_million=Decimal(1))
    live.caught_up()
    return f"bedrock/{model_id}"


@pytest.fixture
def simulated(live: LiveGateway, upstream: Simulator) -> Provider:
    return bedrock(upstream.url)


@pytest.fixture
def scripted(live: LiveGateway) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as house:
        bedrock(house.url)
        yield house


def test_an_answer_comes_back_in_the_clients_words(
    live: LiveGateway, simulated: Provider, client: openai.OpenAI, upstream: Simulator
) -> None:
    model = offered(live, simulated, "us.anthropic.sim-chat-v1:0")

    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": "system", "content": "Be brief."}, *HELLO],
        temperature=1.7,
        max_tokens=50,
        seed=4,
    )

    assert "You wrote: Hello there" in (reply.choices[0].message.content or "")
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 0
    assert reply.model == "us.anthropic.sim-chat-v1:0"
    (call,) = upstream.calls
    assert call.model == "us.anthropic.sim-chat-v1:0"
    assert call.headers["authorization"].startswith("AWS4-HMAC-SHA256 ")
    assert call.body == {
        "messages": [{"role": "user", "content": [{"text": "Hello there"}]}],
        "inferenceConfig": {"maxTokens": 50, "temperature": 1.0},
        "system": [{"text": "Be brief."}],
    }


def test_a_stream_comes_as_events_with_its_usage(
    live: LiveGateway, simulated: Provider, client: openai.OpenAI
) -> None:
    model = offered(live, simulated, "sim-chat")

    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=HELLO,
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    said = "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices)
    assert "You wrote: Hello there" in said
    assert [c.finish_reason for chunk in chunks for c in chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_tools_are_called_and_their_results_taken_back(
    live: LiveGateway, simulated: Provider, client: openai.OpenAI, stream: bool
) -> None:
    model = offered(live, simulated, "sim-chat")
    asked: Any = [{"role": "user", "content": "call two tools"}]

    calls = tool_calls(client, model, asked, stream=stream)

    assert [(name, json.loads(given)) for _, name, given in calls] == [
        ("weather", {"place": "place"})
    ] * 2
    said: Any = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": call_id,
                "type": "function",
                "function": {"name": name, "arguments": given},
            }
            for call_id, name, given in calls
        ],
    }
    results: Any = [
        {"role": "tool", "tool_call_id": call_id, "content": "sunny"}
        for call_id, _, _ in calls
    ]
    reply = client.chat.completions.create(
        model=model, messages=[*asked, said, *results]
    )
    assert "The tool said: sunny" in (reply.choices[0].message.content or "")


def tool_calls(
    client: openai.OpenAI, model: str, messages: Any, *, stream: bool
) -> list[tuple[str, str, str]]:
    """Return the id, the name and the arguments of each call."""
    if not stream:
        reply = client.chat.completions.create(
            model=model, messages=messages, tools=[WEATHER]
        )
        assert reply.choices[0].finish_reason == "tool_calls"
        return [
            (call.id, call.function.name, call.function.arguments)
            for call in reply.choices[0].message.tool_calls or []
            if call.type == "function"
        ]
    found: dict[int, list[str]] = {}
    for chunk in client.chat.completions.create(
        model=model, messages=messages, tools=[WEATHER], stream=True
    ):
        for choice in chunk.choices:
            for call in choice.delta.tool_calls or []:
                assert call.function is not None
                one = found.setdefault(call.index, ["", "", ""])
                one[0] += call.id or ""
                one[1] += call.function.name or ""
                one[2] += call.function.arguments or ""
    return [(one[0], one[1], one[2]) for one in found.values()]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("429", 429, "rate_limit_exceeded"),
        ("403", 502, "upstream_auth"),
        ("404", 404, "model_not_found"),
        ("503", 502, "upstream_error"),
        ("context", 400, "context_length_exceeded"),
        ("no-done-finished", 200, ""),
        ("error-200", 502, "upstream_error"),
    ],
)
def test_errors_are_told_in_the_clients_words(
    live: LiveGateway,
    simulated: Provider,
    http: httpx.Client,
    fault: str,
    status: int,
    code: str,
) -> None:
    model = offered(live, simulated, f"sim-fault-{fault}")

    response = http.post(
        "/v1/chat/completions", json={"model": model, "messages": HELLO}
    )

    assert response.status_code == status, response.text
    if code:
        assert response.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("error-midstream-3", "ServiceUnavailableException"),
        ("truncate-3", "upstream_bad_response"),
        ("no-done-3", "upstream_bad_response"),
        ("no-done-finished", "upstream_bad_response"),
    ],
)
def test_a_stream_that_breaks_off_ends_with_an_error(
    live: LiveGateway, simulated: Provider, http: httpx.Client, fault: str, code: str
) -> None:
    model = offered(live, simulated, f"sim-fault-{fault}")

    response = http.post(
        "/v1/chat/completions",
        json={"model": model, "messages": HELLO, "stream": True},
    )

    assert response.status_code == 200
    last = response.text.strip().split("\n\n")[-1]
    assert "[DONE]" not in response.text
    told = json.loads(last.removeprefix("data: "))["error"]["code"]
    assert told.lower() == code.lower()


@pytest.mark.parametrize("fault", ["fragments-1", "fragments-13", "hugeline-2"])
def test_frames_may_arrive_in_any_pieces_but_not_be_endless(
    live: LiveGateway, simulated: Provider, http: httpx.Client, fault: str
) -> None:
    model = offered(live, simulated, f"sim-fault-{fault}")

    response = http.post(
        "/v1/chat/completions",
        json={"model": model, "messages": HELLO, "stream": True},
    )

    if fault.startswith("fragments"):
        assert "[DONE]" in response.text
    else:
        assert response.status_code == 502


@pytest.mark.parametrize(
    ("model_id", "inputs"),
    [
        ("cohere.embed-v4:0", ["a cat", "a dog"]),
        ("amazon.titan-embed-text-v2:0", ["a cat"]),
    ],
)
def test_texts_are_embedded(
    live: LiveGateway,
    simulated: Provider,
    client: openai.OpenAI,
    model_id: str,
    inputs: list[str],
) -> None:
    model = offered(live, simulated, model_id, "embeddings")

    reply = client.embeddings.create(model=model, input=inputs, dimensions=512)

    assert [len(each.embedding) for each in reply.data] == [512] * len(inputs)


def test_a_model_that_takes_one_text_refuses_several(
    live: LiveGateway, simulated: Provider, http: httpx.Client
) -> None:
    model = offered(live, simulated, "amazon.titan-embed-text-v2:0", "embeddings")

    response = http.post("/v1/embeddings", json={"model": model, "input": ["a", "b"]})

    assert response.status_code == 400
    assert "one text at a time" in response.json()["error"]["message"]


def test_the_signature_holds_for_what_arrives(
    live: LiveGateway, scripted: ScriptedUpstream, http: httpx.Client
) -> None:
    provider = Provider.objects.get(slug="bedrock")
    model = offered(live, provider, "arn:aws:bedrock:eu-west-1:1:profile/a b:0")
    scripted.says_whole(
        b'{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},'
        b'"stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":2}}'
    )

    response = http.post(
        "/v1/chat/completions", json={"model": model, "messages": HELLO}
    )

    assert response.status_code == 200, response.text
    request = scripted.said[0].request
    line = request.partition(b"\r\n")[0]
    assert line == (
        b"POST /model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aprofile%2Fa%20b%3A0/converse"
        b" HTTP/1.1"
    )
    assert is_signed(request, region="us-east-1")
    assert not is_signed(request.replace(b"Hello", b"Hallo"), region="us-east-1")


def test_a_refused_signature_quotes_nothing_of_what_was_signed(
    live: LiveGateway, scripted: ScriptedUpstream, http: httpx.Client
) -> None:
    provider = Provider.objects.get(slug="bedrock")
    model = offered(live, provider, "amazon.nova-lite-v1:0")
    told = (
        "The request signature we calculated does not match the signature you "
        "provided.\n\nThe Canonical String for this request should have been\n"
        f"'POST\nx-amz-security-token:{KEYS['session_token']}'"
    )
    body = json.dumps({"message": told}).encode()
    head = b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    scripted.says(head % len(body) + body)

    response = http.post(
        "/v1/chat/completions", json={"model": model, "messages": HELLO}
    )

    assert response.status_code == 502
    assert "signature we calculated" in response.text
    assert KEYS["session_token"] not in response.text
