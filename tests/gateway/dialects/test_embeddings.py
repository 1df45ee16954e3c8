"""The dialects of embeddings, without a network."""

import base64
import contextlib
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import gemini_embeddings as to_gemini
from gateway.adapters import openai_embeddings as to_openai
from gateway.dialects import (
    gemini_embeddings,
    openai_embeddings,
    openai_images,
    openai_moderation,
)
from gateway.operations import EmbeddingsRequest, EmbeddingsResult
from gateway.types import JSON, Quirks, UpstreamReply
from usage.tokens import Tokens

PLAIN = Quirks()
REPLY = UpstreamReply(b"", None)
WITHIN_FLOAT32 = st.floats(width=32, min_value=-1, max_value=1)


def one(text: str, **fields: Any) -> JSON:
    return {"content": {"parts": [{"text": text}]}, **fields}


@pytest.mark.parametrize(
    "value", ["text", ["a", "b"], [1, 2], [[1], [2, 3]], [" "], "", ["", "a"]]
)
def test_every_form_of_input_is_taken(value: Any) -> None:
    openai_embeddings.check_request({"input": value})


@pytest.mark.parametrize(
    "value", [None, [], {}, 3, ["a", 1], [[]], [[1], []], [["a"]], [True], [None]]
)
def test_what_is_no_input_is_refused(value: Any) -> None:
    with pytest.raises(openai_embeddings.Malformed) as told:
        openai_embeddings.check_request({"input": value})

    assert told.value.param == "input"


@pytest.mark.parametrize(
    ("value", "size"),
    [("abcd", 4), ("é", 2), (["ab", "c"], 3), ([1, 2], 8), ([[1], [2, 3]], 12)],
)
def test_texts_are_measured_without_their_wrapping(value: Any, size: int) -> None:
    assert openai_embeddings.input_size({"input": value}) == size


def test_a_whole_request_of_openai_is_read() -> None:
    asked = openai_embeddings.parse_request(
        {
            "model": "m",
            "input": "fox",
            "dimensions": 8,
            "encoding_format": "base64",
            "input_type": "search_document",
            "user": "u",
            "truncate": True,
            "models": ["other"],
        }
    )

    assert asked == EmbeddingsRequest(
        inputs=("fox",),
        dimensions=8,
        input_type="document",
        wants_base64=True,
        end_user="u",
        extra={"truncate": True},
        protocol="openai_embeddings",
    )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "8"}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"input_type": "song"}, "input_type"),
        ({"user": 3}, "user"),
    ],
)
def test_what_cannot_be_said_elsewhere_is_refused(fields: JSON, param: str) -> None:
    with pytest.raises(openai_embeddings.Malformed) as told:
        openai_embeddings.parse_request({"input": "fox", **fields})

    assert told.value.param == param


@given(st.lists(WITHIN_FLOAT32, min_size=1, max_size=20))
def test_base64_holds_little_endian_floats(values: list[float]) -> None:
    asked = EmbeddingsRequest(inputs=("a",), wants_base64=True)
    vector = (*values, 1.0, 1.0)
    result = EmbeddingsResult(vectors=(vector,))

    packed = openai_embeddings.build_reply(REPLY, asked, result, "id", 0, "m")
    plain = openai_embeddings.build_response(result, "id", 0, "m")

    told = base64.b64decode(json.loads(packed.body)["data"][0]["embedding"])
    said = json.loads(plain)["data"][0]["embedding"]
    assert told == struct.pack(f"<{len(said)}f", *said)


def test_vectors_of_length_one_stay_untouched() -> None:
    vectors = ((0.6, 0.8), (3.0, 4.0), (0.0, 0.0))

    answer = json.loads(
        openai_embeddings.build_response(EmbeddingsResult(vectors=vectors), "i", 0, "m")
    )

    assert [each["embedding"] for each in answer["data"]] == [
        [0.6, 0.8],
        [0.6, 0.8],
        [0.0, 0.0],
    ]


def test_tokens_are_estimated_where_they_are_not_told() -> None:
    asked = EmbeddingsRequest(inputs=("x" * 40,))
    silent = EmbeddingsResult(vectors=((1.0,),))
    telling = EmbeddingsResult(vectors=((1.0,),), tokens=Tokens(input=7))

    estimated = openai_embeddings.build_reply(REPLY, asked, silent, "i", 0, "m")
    told = openai_embeddings.build_reply(REPLY, asked, telling, "i", 0, "m")

    assert json.loads(estimated.body)["usage"] == {
        "prompt_tokens": 10,
        "total_tokens": 10,
    }
    assert json.loads(told.body)["usage"]["prompt_tokens"] == 7


def test_a_batch_of_google_is_read_in_either_case() -> None:
    first = one("fox", taskType="RETRIEVAL_QUERY", outputDimensionality=8)
    second = one("den", task_type="RETRIEVAL_QUERY", output_dimensionality=8)

    asked = gemini_embeddings.parse_request({"requests": [first, second]})

    assert asked == EmbeddingsRequest(
        inputs=("fox", "den"),
        dimensions=8,
        input_type="query",
        protocol="gemini_embeddings",
    )


def test_the_parts_of_a_text_are_lines() -> None:
    parts = {"parts": [{"text": "fox"}, {"text": "den"}]}

    asked = gemini_embeddings.parse_request({"requests": [{"content": parts}]})

    assert asked.inputs == ("fox\nden",)


@pytest.mark.parametrize(
    ("requests", "param"),
    [
        ([], "requests"),
        ([{}], "requests[0].content.parts"),
        ([one("a"), {"content": {"parts": []}}], "requests[1].content.parts"),
        ([{"content": "fox"}], "requests[0].content"),
        ([one("a"), one("b", outputDimensionality=3)], "requests[1]"),
        ([one("a", outputDimensionality=0)], "requests[0].outputDimensionality"),
        (
            [{"content": {"parts": [{"inlineData": {}}]}}],
            "requests[0].content.parts[0]",
        ),
    ],
)
def test_what_cannot_be_said_of_a_batch_is_refused(
    requests: list[JSON], param: str
) -> None:
    with pytest.raises(gemini_embeddings.Malformed) as told:
        gemini_embeddings.parse_request({"requests": requests})

    assert told.value.param == param


def test_an_answer_to_one_is_taken_from_that_to_many() -> None:
    result = EmbeddingsResult(vectors=((1.0, 2.0),), tokens=Tokens(input=7))

    many = gemini_embeddings.build_response(result, "i", 0, "m")

    assert json.loads(gemini_embeddings.only_one(many)) == {
        "embedding": {"values": [1.0, 2.0]},
        "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
    }


texts = st.lists(st.text(min_size=1), min_size=1, max_size=5)
lengths = st.none() | st.integers(1, 4000)


@given(texts, lengths)
def test_what_openai_says_reaches_google_and_back(
    inputs: list[str], length: int | None
) -> None:
    asked = openai_embeddings.parse_request({"input": inputs, "dimensions": length})

    body, dropped = to_gemini.build_request(asked, "m", PLAIN, None)

    back = gemini_embeddings.parse_request(body)
    assert (back.inputs, back.dimensions) == (tuple(inputs), length)
    assert dropped == []


@given(texts, lengths)
def test_what_google_says_reaches_openai_and_back(
    inputs: list[str], length: int | None
) -> None:
    requests = [one(text, outputDimensionality=length) for text in inputs]
    asked = gemini_embeddings.parse_request({"requests": requests})

    body, dropped = to_openai.build_request(asked, "m", PLAIN, None)

    back = openai_embeddings.parse_request(body)
    assert (back.inputs, back.dimensions) == (tuple(inputs), length)
    assert dropped == []


json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "input",
                    "requests",
                    "content",
                    "parts",
                    "text",
                    "prompt",
                    "n",
                    "model",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "dialect",
    [openai_embeddings, gemini_embeddings, openai_images, openai_moderation],
    ids=lambda dialect: dialect.NAME,
)
@given(
    body=st.dictionaries(
        st.sampled_from(["input", "requests", "prompt", "n", "model", "stream"]),
        json_values,
    )
)
def test_whatever_comes_is_read_or_refused(dialect: Any, body: JSON) -> None:
    with contextlib.suppress(dialect.Malformed):
        dialect.check_request(body)
        if hasattr(dialect, "input_size"):
            assert dialect.input_size(body) >= 0
            dialect.parse_request(body)
