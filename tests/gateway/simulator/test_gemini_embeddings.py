import math
from typing import Any

import httpx
import pytest

from gateway.simulator import Simulator
from tests.gateway.simulator.reading import JSON

MODEL = "/v1beta/models/sim-chat"


def wanting(text: str, **fields: Any) -> JSON:
    content = {"parts": [{"text": text}]}
    return {"model": "models/sim-chat", "content": content} | fields


def embed(http: httpx.Client, *requests: JSON) -> list[list[float]]:
    body = {"requests": list(requests)}
    response = http.post(f"{MODEL}:batchEmbedContents", json=body)
    assert response.status_code == 200, response.text
    return [each["values"] for each in response.json()["embeddings"]]


def likeness(first: list[float], second: list[float]) -> float:
    product = sum(a * b for a, b in zip(first, second, strict=True))
    return product / (math.hypot(*first) * math.hypot(*second))


def test_the_same_text_has_the_same_vector(http: httpx.Client) -> None:
    single = http.post(f"{MODEL}:embedContent", json=wanting("A red fox")).json()

    first, second = embed(http, wanting("A red fox"), wanting("Something else"))

    assert single["embedding"]["values"] == first
    assert first != second
    assert math.hypot(*first) == pytest.approx(1)


def test_texts_that_are_alike_lie_close(http: httpx.Client) -> None:
    fox, foxes, stocks = embed(
        http,
        wanting("How does the red fox hunt in winter?"),
        wanting("How do red foxes hunt in the winter?"),
        wanting("Quarterly revenue beat expectations."),
    )

    assert likeness(fox, foxes) > 0.5
    assert likeness(fox, stocks) < 0.3


def test_a_shorter_vector_is_not_of_length_one(http: httpx.Client) -> None:
    (vector,) = embed(http, wanting("A red fox", output_dimensionality=64))

    assert len(vector) == 64
    assert math.hypot(*vector) == pytest.approx(0.75)


def test_a_batch_is_billed_once(simulator: Simulator, http: httpx.Client) -> None:
    embed(http, wanting("x" * 40), wanting("y" * 40))

    (call,) = simulator.calls
    assert (call.is_billable, call.prompt_tokens) == (True, 20)
    assert call.completion_tokens == 0


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [wanting("a")] * 101,
        [wanting("a", model="models/other")],
        [wanting("")],
        [wanting("a", outputDimensionality=4000)],
        [wanting("a", taskType="COOKING")],
        [wanting("a", input="b")],
        ["a"],
    ],
)
def test_a_bad_batch_is_refused(http: httpx.Client, requests: list[Any]) -> None:
    response = http.post(f"{MODEL}:batchEmbedContents", json={"requests": requests})

    assert response.status_code == 400
    assert response.json()["error"]["status"] == "INVALID_ARGUMENT"
