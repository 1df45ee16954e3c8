"""Embeddings of every official client by every protocol, through real HTTP."""

import base64
import math
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Protocol

import httpx
import openai
import pytest
from google import genai
from google.genai import types

from catalog.models import AIModel
from gateway.simulator import Simulator
from gateway.simulator.vectors import vector_of
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
from tests.gateway.live import LiveGateway

TEXTS = ["A red fox in the snow", "Quarterly revenue"]
LENGTH = 256
# Protocol: path of its endpoint, how it wants the credential, whether it tells usage.
PROTOCOLS = {
    "openai_embeddings": ("/v1/embeddings", "bearer", True),
    "gemini_embeddings": (
        "/v1beta/models/{model}:batchEmbedContents",
        "header:x-goog-api-key",
        False,
    ),
    "cohere_embeddings": ("/v2/embed", "bearer", True),
}


def offered(
    live: LiveGateway, upstream: Simulator, protocol: str, model_id: str = "sim-chat"
) -> AIModel:
    pattern, auth, _ = PROTOCOLS[protocol]
    provider = ProviderFactory.create(
        slug=protocol.replace("_", "-"),
        base_url=upstream.url,
        handler=protocol,
        auth=auth,
        allow_private_addresses=True,
    )
    EndpointFactory.create(provider=provider, operation="embeddings", pattern=pattern)
    CredentialFactory.create(provider=provider, value="sk-of-the-platform-123456")
    model = AIModelFactory.create(
        provider=provider, model_id=model_id, operations=["embeddings"]
    )
    PriceFactory.create(model=model, component="input", per_million=Decimal(1))
    live.caught_up()
    return model


class Embedding(Protocol):
    @property
    def failure(self) -> type[Exception]: ...

    def embed(self, model: str, texts: list[str], length: int) -> list[list[float]]: ...

    def close(self) -> None: ...


class OpenAIClient:
    failure = openai.BadRequestError

    def __init__(self, url: str, key: str) -> None:
        self._client = openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)

    def close(self) -> None:
        self._client.close()

    def embed(self, model: str, texts: list[str], length: int) -> list[list[float]]:
        answer = self._client.embeddings.create(
            model=model, input=texts, dimensions=length
        )
        assert [each.index for each in answer.data] == [*range(len(texts))]
        assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
        return [each.embedding for each in answer.data]


class GeminiClient:
    failure = genai.errors.ClientError
    version = "v1beta"

    def __init__(self, url: str, key: str) -> None:
        self._client = genai.Client(
            api_key=key,
            http_options=types.HttpOptions(base_url=url, api_version=self.version),
        )

    def close(self) -> None:
        self._client.close()

    def embed(self, model: str, texts: list[str], length: int) -> list[list[float]]:
        contents: Any = texts
        answer = self._client.models.embed_content(
            model=model,
            contents=contents,
            config=types.EmbedContentConfig(output_dimensionality=length),
        )
        return [each.values or [] for each in answer.embeddings or []]


class NewerGeminiClient(GeminiClient):
    version = "v1"


CLIENTS: list[Callable[[str, str], Embedding]] = [
    OpenAIClient,
    GeminiClient,
    NewerGeminiClient,
]


@pytest.fixture(params=CLIENTS, ids=["openai", "gemini-v1beta", "gemini-v1"])
def asking(
    request: pytest.FixtureRequest, live: LiveGateway, key: str
) -> Iterator[Embedding]:
    """An official client, with nothing but its address and key changed."""
    made: Embedding = request.param(live.url, key)
    yield made
    made.close()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_texts_are_embedded_and_metered(
    asking: Embedding,
    live: LiveGateway,
    upstream: Simulator,
    project: Project,
    protocol: str,
) -> None:
    model = offered(live, upstream, protocol)
    tells_usage = PROTOCOLS[protocol][2]

    vectors = asking.embed(f"{model.provider.slug}/sim-chat", TEXTS, LENGTH)

    (call,) = upstream.calls
    (event,) = live.events(project)
    assert call.protocol == protocol
    for vector, text in zip(vectors, TEXTS, strict=True):
        length = math.hypot(*vector)
        direct = [value / length for value in vector]
        assert direct == pytest.approx(vector_of(text, LENGTH), abs=1e-6)
    assert (event.status, event.operation) == ("ok", "embeddings")
    assert event.estimated is not tells_usage
    told = call.prompt_tokens if tells_usage else sum(map(len, TEXTS)) // 4
    assert (event.input_tokens, event.output_tokens) == (told, 0)
    assert event.cost_usd == Decimal(told) / 10**6


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refused_request_is_an_error_of_the_client(
    asking: Embedding, live: LiveGateway, upstream: Simulator, protocol: str
) -> None:
    model = offered(live, upstream, protocol)

    with pytest.raises(asking.failure, match=r"(?i)dimension"):
        asking.embed(f"{model.provider.slug}/sim-chat", TEXTS, 4000)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_text_is_embedded_for_those_who_ask_for_one(
    http: httpx.Client,
    live: LiveGateway,
    upstream: Simulator,
    project: Project,
    protocol: str,
) -> None:
    model = offered(live, upstream, protocol)
    path = f"/v1beta/models/{model.provider.slug}/sim-chat:embedContent"
    body = {
        "model": "models/sim-chat",
        "content": {"parts": [{"text": TEXTS[0]}]},
        "output_dimensionality": LENGTH,
    }

    response = http.post(path, json=body)

    assert response.status_code == 200, response.text
    assert [*response.json()] == (
        ["embedding", "usageMetadata"] if PROTOCOLS[protocol][2] else ["embedding"]
    )
    assert len(response.json()["embedding"]["values"]) == LENGTH
    (event,) = live.events(project)
    assert event.dialect == "gemini_embeddings"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_vectors_for_openai_come_in_the_format_asked_for_and_have_length_one(
    http: httpx.Client, live: LiveGateway, upstream: Simulator, protocol: str
) -> None:
    offered(live, upstream, protocol)
    body = {"model": "sim-chat", "input": TEXTS[0], "dimensions": LENGTH}

    plain = http.post("/v1/embeddings", json=body).json()
    body["encoding_format"] = "base64"
    packed = http.post("/openai/v1/embeddings", json=body).json()

    vector = plain["data"][0]["embedding"]
    told = base64.b64decode(packed["data"][0]["embedding"])
    assert math.hypot(*vector) == pytest.approx(1)
    assert told == struct.pack(f"<{LENGTH}f", *vector)


def test_a_batch_of_google_stays_as_it_is_for_its_own_models(
    http: httpx.Client, live: LiveGateway, upstream: Simulator
) -> None:
    offered(live, upstream, "gemini_embeddings")
    one = {"content": {"parts": [{"text": "fox"}]}, "taskType": "CLUSTERING"}
    other = {"content": {"parts": [{"text": "den"}]}, "outputDimensionality": 8}

    response = http.post(
        "/v1/models/sim-chat:batchEmbedContents",
        json={"requests": [{"model": "models/other", **one}, other]},
    )

    named = {"model": "models/sim-chat"}
    assert [len(e["values"]) for e in response.json()["embeddings"]] == [3072, 8]
    assert upstream.calls[0].body == {"requests": [one | named, other | named]}


def test_what_has_no_counterpart_is_named(
    http: httpx.Client, live: LiveGateway, upstream: Simulator
) -> None:
    offered(live, upstream, "gemini_embeddings")
    body = {"model": "sim-chat", "input": "fox", "user": "u-1", "input_type": "query"}

    response = http.post("/v1/embeddings", json=body)

    sent = upstream.calls[0].body
    assert sent is not None
    assert sent["requests"][0]["taskType"] == "RETRIEVAL_QUERY"
    assert response.headers["x-signalbox-dropped-params"] == "end_user"


def test_more_texts_than_the_provider_takes_are_refused_with_its_words(
    http: httpx.Client, live: LiveGateway, upstream: Simulator
) -> None:
    offered(live, upstream, "gemini_embeddings")

    response = http.post(
        "/v1/embeddings", json={"model": "sim-chat", "input": ["x"] * 101}
    )

    assert response.status_code == 400
    assert "at most 100 requests" in response.json()["error"]["message"]


def test_token_numbers_are_embedded_by_openai_alone(
    http: httpx.Client, live: LiveGateway, upstream: Simulator
) -> None:
    offered(live, upstream, "openai_embeddings", "sim-one")
    offered(live, upstream, "gemini_embeddings", "sim-other")

    fine = http.post("/v1/embeddings", json={"model": "sim-one", "input": [1, 2, 3]})
    refused = http.post("/v1/embeddings", json={"model": "sim-other", "input": [1, 2]})

    assert fine.json()["usage"]["prompt_tokens"] == 3
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "input"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("400", 400),
        ("401", 502),
        ("429", 429),
        ("error-200", 502),
        ("html", 502),
        ("truncate", 502),
    ],
)
@pytest.mark.parametrize("protocol", ["openai_embeddings", "gemini_embeddings"])
def test_what_goes_wrong_at_a_provider_is_told_and_costs_nothing(
    http: httpx.Client,
    live: LiveGateway,
    upstream: Simulator,
    project: Project,
    protocol: str,
    fault: str,
    status: int,
) -> None:
    model = offered(live, upstream, protocol, f"sim-fault-{fault}")

    response = http.post(
        "/v1/embeddings", json={"model": model.model_id, "input": "fox"}
    )

    assert response.status_code == status
    assert response.json()["error"]["message"]
    (event,) = live.events(project)
    assert (event.status, event.input_tokens) == ("failed", 0)
    assert event.cost_usd == 0


@pytest.mark.parametrize("kind", ["no", "zero", "negative", "absurd"])
def test_usage_that_cannot_be_true_is_estimated(
    http: httpx.Client,
    live: LiveGateway,
    upstream: Simulator,
    project: Project,
    kind: str,
) -> None:
    offered(live, upstream, "openai_embeddings", f"sim-fault-{kind}-usage")
    body = {"model": f"sim-fault-{kind}-usage", "input": "x" * 400}

    response = http.post("/v1/embeddings", json=body)

    assert response.status_code == 200
    (event,) = live.events(project)
    assert (event.input_tokens, event.output_tokens) == (100, 0)
    assert event.estimated


def test_an_alias_sets_the_length_of_vectors_whoever_answers(
    http: httpx.Client, live: LiveGateway, upstream: Simulator
) -> None:
    broken = offered(live, upstream, "openai_embeddings", "sim-fault-500")
    sound = offered(live, upstream, "gemini_embeddings", "sim-chat")
    alias = AliasFactory.create(
        name="embed", operation="embeddings", defaults={"dimensions": LENGTH}
    )
    for priority, model in enumerate([broken, sound], start=1):
        AliasTargetFactory.create(alias=alias, model=model, priority=priority)
    live.caught_up()
    one = {"content": {"parts": [{"text": "fox"}]}}
    others = {"models": [str(sound)]}

    translated = http.post(
        "/v1/embeddings", json={"model": "embed", "input": "fox", **others}
    )
    relayed = http.post(
        "/v1/models/embed:batchEmbedContents", json={"requests": [one], **others}
    )

    assert upstream.calls[0].body is not None
    assert upstream.calls[0].body["dimensions"] == LENGTH
    assert translated.headers["x-signalbox-fallback"] == "true"
    assert len(translated.json()["data"][0]["embedding"]) == LENGTH
    assert len(relayed.json()["embeddings"][0]["values"]) == LENGTH


@pytest.mark.parametrize(
    ("second", "status"), [("maker/sim-fault-404", 200), ("sim-chat", 404)]
)
def test_vectors_of_another_model_never_stand_in_unasked(
    http: httpx.Client,
    live: LiveGateway,
    upstream: Simulator,
    second: str,
    status: int,
) -> None:
    alias = AliasFactory.create(name="embed", operation="embeddings")
    targets = [
        offered(live, upstream, "openai_embeddings", "sim-fault-404"),
        offered(live, upstream, "gemini_embeddings", second),
    ]
    for priority, model in enumerate(targets, start=1):
        AliasTargetFactory.create(alias=alias, model=model, priority=priority)
    live.caught_up()

    response = http.post("/v1/embeddings", json={"model": "embed", "input": "fox"})

    assert response.status_code == status
