import math
from typing import Any

import httpx
import openai
import pytest

from gateway.simulator import Simulator


def test_the_official_client_reads_vectors_in_either_format(
    client: openai.OpenAI,
) -> None:
    packed = client.embeddings.create(model="sim-chat", input=["A red fox", "Stocks"])
    plain = client.embeddings.create(
        model="sim-chat", input=["A red fox", "Stocks"], encoding_format="float"
    )

    for first, second in zip(packed.data, plain.data, strict=True):
        assert first.embedding == pytest.approx(second.embedding, abs=1e-6)
    assert math.hypot(*plain.data[0].embedding) == pytest.approx(1)
    assert plain.usage.prompt_tokens == 3 + 2


@pytest.mark.parametrize("value", [[1, 2, 3], [[1, 2], [3]]])
def test_token_numbers_can_be_embedded(client: openai.OpenAI, value: Any) -> None:
    answer = client.embeddings.create(model="sim-chat", input=value, dimensions=8)

    assert answer.usage.prompt_tokens == 3
    assert {len(each.embedding) for each in answer.data} == {8}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("embeddings", {}),
        ("embeddings", {"input": []}),
        ("embeddings", {"input": ""}),
        ("embeddings", {"input": [{}]}),
        ("embeddings", {"input": ["x"] * 2049}),
        ("embeddings", {"input": "x", "dimensions": 0}),
        ("embeddings", {"input": "x", "encoding_format": "int8"}),
        ("images/generations", {}),
        ("images/generations", {"prompt": "x", "n": 11}),
        ("images/generations", {"prompt": "x", "partial_images": 4}),
        ("moderations", {}),
        ("moderations", {"input": [{"type": "sound"}]}),
    ],
)
def test_a_bad_request_is_refused_in_the_words_of_openai(
    http: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    response = http.post(f"/v1/{path}", json={"model": "sim-chat", **body})

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_picture_is_billed_by_its_tokens(
    simulator: Simulator, client: openai.OpenAI
) -> None:
    answer = client.images.generate(model="sim-chat", prompt="A red fox", n=2)

    (call,) = simulator.calls
    assert answer.data is not None
    assert answer.usage is not None
    assert len(answer.data) == 2
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (
        call.prompt_tokens,
        call.completion_tokens,
    )


def test_a_picture_may_come_in_sketches(client: openai.OpenAI) -> None:
    stream = client.images.generate(
        model="sim-chat", prompt="A red fox", stream=True, partial_images=2
    )

    assert [event.type for event in stream] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]


def test_moderation_flags_what_it_hears_and_is_free(
    simulator: Simulator, client: openai.OpenAI
) -> None:
    answer = client.moderations.create(
        model="sim-chat", input=["Of foxes", "Of violence and hate"]
    )

    first, second = answer.results
    assert (first.flagged, second.flagged) == (False, True)
    assert second.categories.violence
    assert not second.categories.harassment
    assert not simulator.calls[0].is_billable


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("embeddings", {"input": "x"}),
        ("images/generations", {"prompt": "x"}),
        ("moderations", {"input": "x"}),
    ],
)
def test_every_operation_can_fail(
    http: httpx.Client, path: str, body: dict[str, Any]
) -> None:
    for fault, status in (("503", 503), ("429", 429), ("error-200", 200)):
        response = http.post(
            f"/v1/{path}", json={"model": f"sim-fault-{fault}", **body}
        )

        assert response.status_code == status
        assert response.json()["error"]["message"]
