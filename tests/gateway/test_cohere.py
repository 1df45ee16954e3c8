"""Cohere behind the gateway: its rankings for its own client, its chat for others'."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import cohere
import httpx
import openai
import pytest

from catalog.models import Provider
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway

DOCUMENTS = ["Bergen is rainy", "Oslo is the capital of Norway", "Trains are fast"]
QUERY = "capital of Norway"
PATTERNS = {
    "cohere_chat": ("chat", "/v2/chat"),
    "cohere_embeddings": ("embeddings", "/v2/embed"),
    "cohere_rerank": ("rerank", "/v2/rerank"),
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
}


@pytest.fixture
def cohere_provider(transactional_db: None, upstream: Simulator) -> Provider:
    """The simulator as Cohere: chat, embeddings and rankings."""
    provider = ProviderFactory.create(
        slug="cohere",
        base_url=upstream.url,
        handler="cohere_chat",
        allow_private_addresses=True,
    )
    for handler, (operation, pattern) in PATTERNS.items():
        EndpointFactory.create(
            provider=provider, operation=operation, pattern=pattern, handler=handler
        )
    CredentialFactory.create(provider=provider, value="co-of-the-platform-123456")
    return provider


def offered(
    live: LiveGateway, provider: Provider, model_id: str, operation: str = "chat"
) -> str:
    """Put a model on offer that costs 1 USD per token or search."""
    model = AIModelFactory.create(
        provider=provider,
        model_id=model_id,
        operations=[operation],
        capabilities=["text", "tools", "json_schema", "reasoning", "streaming"],
    )
    if operation == "rerank":
        PriceFactory.create(
            model=model, component="search", per_unit=Decimal(1), per_million=None
        )
    else:
        for component in ("input", "output"):
            PriceFactory.create(
                model=model, component=component, per_million=Decimal(10**6)
            )
    # At such prices everything would need approval.
    Project.objects.update(auto_approve_threshold_usd=Decimal(10**6))
    live.caught_up()
    return f"cohere/{model_id}"


@pytest.fixture
def reranker(live: LiveGateway, cohere_provider: Provider) -> str:
    return offered(live, cohere_provider, "sim-rerank", "rerank")


@pytest.fixture
def asker(live: LiveGateway, key: str) -> Iterator[cohere.Client]:
    """Cohere's own client; nothing but the address and the key is different."""
    with httpx.Client() as http:
        yield cohere.Client(key, base_url=live.url, httpx_client=http, max_retries=0)


def test_coheres_client_ranks_and_pays_by_the_search(
    asker: cohere.Client, reranker: str, live: LiveGateway, project: Project
) -> None:
    reply = asker.rerank(model=reranker, query=QUERY, documents=DOCUMENTS, top_n=2)

    assert reply.results[0].index == 1
    assert len(reply.results) == 2
    [event] = live.events(project)
    assert event.operation == "rerank"
    assert event.dialect == "cohere_rerank"
    assert event.other_usage == {"search": 1}
    assert event.cost_usd == Decimal(1)
    assert not event.estimated


def test_objects_are_ranked_and_come_back(
    asker: cohere.Client, reranker: str, upstream: Simulator
) -> None:
    reply = asker.rerank(
        model=reranker,
        query=QUERY,
        documents=[{"text": text} for text in DOCUMENTS],
        return_documents=True,
        max_chunks_per_doc=3,
    )

    assert reply.results[0].document is not None
    assert reply.results[0].document.text == DOCUMENTS[1]
    [call] = upstream.calls
    assert call.body == {
        "model": "sim-rerank",
        "query": QUERY,
        "documents": DOCUMENTS,
        "max_tokens_per_doc": 1530,
    }


def test_what_the_gateway_does_not_know_reaches_the_provider(
    http: httpx.Client, reranker: str, upstream: Simulator
) -> None:
    body = {
        "model": reranker,
        "query": QUERY,
        "documents": DOCUMENTS,
        "relevant_spans": {"mode": "enabled"},
    }

    response = http.post("/v1/rerank", json=body)

    assert response.status_code == 200
    assert response.headers["x-signalbox-cost-usd"].startswith("1.0")
    [call] = upstream.calls
    assert call.body == {**body, "model": "sim-rerank"}


def test_searches_are_counted_where_the_provider_does_not(
    http: httpx.Client,
    live: LiveGateway,
    cohere_provider: Provider,
    project: Project,
) -> None:
    model = offered(live, cohere_provider, "sim-fault-no-usage", "rerank")
    body = {"model": model, "query": QUERY, "documents": ["a"] * 101}

    assert http.post("/v1/rerank", json=body).status_code == 200

    [event] = live.events(project)
    assert event.other_usage == {"search": 2}
    assert event.cost_usd == Decimal(2)


@pytest.mark.parametrize(
    ("fields", "error", "code"),
    [
        ({"documents": []}, cohere.BadRequestError, "invalid_request"),
        ({"model": "nobody"}, cohere.NotFoundError, "model_not_found"),
    ],
)
def test_a_refusal_has_the_shape_that_coheres_client_knows(
    asker: cohere.Client,
    reranker: str,
    fields: dict[str, Any],
    error: type[Exception],
    code: str,
) -> None:
    asked: Any = {"model": reranker, "query": QUERY, "documents": DOCUMENTS} | fields

    with pytest.raises(error) as raised:
        asker.rerank(**asked)

    body: Any = raised.value.body  # type: ignore[attr-defined]
    assert body["code"] == code
    assert body["message"]


@pytest.mark.parametrize(
    ("fault", "status"), [("400", 400), ("429", 429), ("500", 502), ("html", 502)]
)
def test_a_failure_of_the_provider_is_told_in_the_same_shape(
    http: httpx.Client,
    live: LiveGateway,
    cohere_provider: Provider,
    fault: str,
    status: int,
) -> None:
    model = offered(live, cohere_provider, f"sim-fault-{fault}", "rerank")
    body = {"model": model, "query": QUERY, "documents": DOCUMENTS}

    response = http.post("/v1/rerank", json=body)

    assert response.status_code == status
    assert response.json()["message"]


def test_openais_client_gets_an_answer_and_pays_what_is_billed(
    client: openai.OpenAI,
    live: LiveGateway,
    cohere_provider: Provider,
    upstream: Simulator,
    project: Project,
) -> None:
    model = offered(live, cohere_provider, "sim-chat")

    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Hello"}],
        temperature=1.5,
        logprobs=True,
    )

    choice = reply.choices[0]
    assert "You wrote: Hello" in (choice.message.content or "")
    assert reply.model == "sim-chat"
    assert choice.logprobs is not None
    assert choice.logprobs.content is not None
    told = "".join(each.token for each in choice.logprobs.content)
    assert told == choice.message.content
    [call] = upstream.calls
    assert call.body is not None
    assert call.body["temperature"] == 1
    [event] = live.events(project)
    assert event.input_tokens == call.prompt_tokens
    assert event.output_tokens == call.completion_tokens
    assert event.cost_usd == call.prompt_tokens + call.completion_tokens


def test_a_tool_whose_name_cohere_does_not_take_is_called_by_its_name(
    client: openai.OpenAI, live: LiveGateway, cohere_provider: Provider
) -> None:
    model = offered(live, cohere_provider, "sim-chat")
    asked: Any = {
        "model": model,
        "messages": [{"role": "user", "content": "call two tools"}],
        "tools": [
            {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
            for name in ("get-weather", "mcp.clock")
        ],
    }

    reply: Any = client.chat.completions.create(**asked)
    chunks: Any = client.chat.completions.create(**asked, stream=True)

    streamed = [
        call.function.name
        for chunk in chunks
        for choice in chunk.choices
        for call in choice.delta.tool_calls or []
        if call.function.name
    ]
    called = [call.function.name for call in reply.choices[0].message.tool_calls]
    assert called == streamed == ["get-weather", "mcp.clock"]


def test_what_a_tool_said_is_cited_in_the_answer(
    client: openai.OpenAI, live: LiveGateway, cohere_provider: Provider
) -> None:
    model = offered(live, cohere_provider, "sim-chat")
    function = {"name": "weather", "arguments": "{}"}
    messages: Any = [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "w1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "w1", "content": "4 C"},
    ]

    reply = client.chat.completions.create(model=model, messages=messages)

    message = reply.choices[0].message
    assert message.annotations is not None
    cited = message.annotations[0].url_citation
    text = message.content or ""
    assert text[cited.start_index : cited.end_index] == "4 C"
    assert cited.title == "w1:0"


def test_a_schema_and_reasoning_are_asked_for_natively(
    client: openai.OpenAI,
    live: LiveGateway,
    cohere_provider: Provider,
    upstream: Simulator,
) -> None:
    model = offered(live, cohere_provider, "sim-reasoning")

    reply: Any = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Where?"}],
        reasoning_effort="low",
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "place", "schema": SCHEMA},
        },
    )

    message = reply.choices[0].message
    assert json.loads(message.content) == {"place": "place"}
    assert message.reasoning_content
    body = upstream.calls[-1].body
    assert body is not None
    assert body["response_format"]["json_schema"] == SCHEMA
    assert body["thinking"] == {"type": "enabled"}


def test_texts_are_embedded_for_openais_client(
    client: openai.OpenAI,
    live: LiveGateway,
    cohere_provider: Provider,
    project: Project,
) -> None:
    model = offered(live, cohere_provider, "sim-embed", "embeddings")

    reply = client.embeddings.create(model=model, input=["one", "two"], dimensions=256)

    assert [len(each.embedding) for each in reply.data] == [256, 256]
    assert reply.usage.prompt_tokens == 2
    [event] = live.events(project)
    assert event.cost_usd == Decimal(2)
