"""Embeddings of Titan and Cohere on Amazon Bedrock."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import bedrock_embeddings
from gateway.adapters.bedrock_embeddings import (
    Unreadable,
    build_relayed,
    build_request,
    parse_response,
    parse_result,
)
from gateway.operations import EmbeddingsRequest
from gateway.types import NoCounterpart, Quirks, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

TITAN = "amazon.titan-embed-text-v2:0"
COHERE = "us.cohere.embed-v4:0"


def built(model: str, *inputs: str, **fields: Any) -> tuple[Any, list[str]]:
    request = EmbeddingsRequest(inputs=inputs, **fields)
    return build_request(request, model, Quirks(), None)


def test_titan_takes_one_text() -> None:
    assert built(TITAN, "a cat", dimensions=256) == (
        {"inputText": "a cat", "dimensions": 256},
        [],
    )
    assert built("amazon.titan-embed-text-v1", "a", dimensions=256) == (
        {"inputText": "a"},
        ["dimensions"],
    )
    with pytest.raises(NoCounterpart, match="one text at a time"):
        built(TITAN, "a", "b")


def test_cohere_takes_many_and_what_they_are_for() -> None:
    body, unsaid = built(
        COHERE,
        "a",
        "b",
        dimensions=512,
        input_type="query",
        title="t",
        end_user="u",
        extra={"encoding": 1},
        protocol="openai_embeddings",
    )

    assert body == {
        "texts": ["a", "b"],
        "input_type": "search_query",
        "embedding_types": ["float"],
        "output_dimension": 512,
    }
    assert unsaid == ["end_user", "title", "encoding"]


def test_quirks_apply_and_controls_are_not_sent() -> None:
    fields = {"inputText": b'"a"', "normalize": b"true", "models": b"[]"}
    quirks = Quirks(frozenset({"normalize"}))

    assert build_relayed(
        fields, TITAN, quirks, stream=False, dropped=frozenset({"models"})
    ) == {"inputText": b'"a"'}


@pytest.mark.parametrize(
    ("body", "vectors", "tokens"),
    [
        (
            {"embedding": [0.5, 1], "inputTextTokenCount": 3},
            ((0.5, 1.0),),
            Tokens(input=3),
        ),
        ({"embeddings": [[1], [2.5]]}, ((1.0,), (2.5,)), None),
        (
            {"embeddings": {"float": [[1], [2.5]], "int8": [[1]]}},
            ((1.0,), (2.5,)),
            None,
        ),
        ({"embedding": [1], "inputTextTokenCount": -3}, ((1.0,),), None),
    ],
)
def test_vectors_come_in_the_order_of_the_texts(
    body: Any, vectors: Any, tokens: Tokens | None
) -> None:
    raw = json.dumps(body).encode()

    reply, result = parse_response(raw), parse_result(raw)

    assert isinstance(reply, UpstreamReply)
    assert result.vectors == vectors
    assert reply.tokens == result.tokens == tokens


def test_a_hidden_error_is_found() -> None:
    fault = parse_response(b'{"message":"Malformed input request"}')

    assert isinstance(fault, UpstreamFault)
    for body in (b"{}", b"[]", b"<html>", b'{"embedding":null}'):
        with pytest.raises(Unreadable):
            parse_response(body)


numbers = st.lists(st.floats() | st.integers() | st.text(max_size=3), max_size=4)
shapes = st.dictionaries(
    st.sampled_from(["embedding", "embeddings", "inputTextTokenCount", "message"]),
    numbers
    | st.lists(numbers, max_size=3)
    | st.dictionaries(st.just("float"), numbers),
)


@given(body=st.binary(max_size=60) | shapes.map(lambda v: json.dumps(v).encode()))
def test_no_answer_crashes_the_reader(body: bytes) -> None:
    for read in (parse_response, parse_result):
        with contextlib.suppress(Unreadable):
            read(body)
    bedrock_embeddings.error_code(body)
