"""Cohere's embeddings and rankings, there and back."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import cohere_embeddings, cohere_rerank
from gateway.operations import (
    EmbeddingsRequest,
    EmbeddingsResult,
    Ranked,
    RerankRequest,
    RerankResult,
)
from gateway.types import JSON, Quirks, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

NONE = Quirks()
ADAPTERS = [cohere_embeddings, cohere_rerank]


def test_texts_are_documents_unless_it_is_said_what_they_are_for() -> None:
    body, dropped = cohere_embeddings.build_request(
        EmbeddingsRequest(inputs=("a", "b"), dimensions=512), "embed-v4.0", NONE, None
    )
    query, _ = cohere_embeddings.build_request(
        EmbeddingsRequest(inputs=("a",), input_type="query"), "embed-v4.0", NONE, None
    )

    assert body == {
        "model": "embed-v4.0",
        "input_type": "search_document",
        "texts": ["a", "b"],
        "embedding_types": ["float"],
        "output_dimension": 512,
    }
    assert dropped == []
    assert query["input_type"] == "search_query"


def test_what_embeddings_have_no_word_for_is_named() -> None:
    request = EmbeddingsRequest(
        inputs=("a",),
        dimensions=256,
        title="A",
        end_user="jo",
        extra={"odd": 1},
        protocol="openai_embeddings",
    )

    body, dropped = cohere_embeddings.build_request(
        request, "embed-english-v3.0", NONE, None
    )

    assert "output_dimension" not in body
    assert dropped == ["dimensions", "title", "end_user", "odd"]


@pytest.mark.parametrize(
    "vectors", [[[1, 0.5], [0, -1]], {"float": [[1, 0.5], [0, -1]]}]
)
def test_vectors_are_read_in_both_versions(vectors: Any) -> None:
    meta = {"billed_units": {"input_tokens": 3.0, "images": 1}}
    body = json.dumps({"id": "1", "embeddings": vectors, "meta": meta}).encode()
    tokens = Tokens(input=3, other={"image": 1})

    assert cohere_embeddings.parse_response(body) == UpstreamReply(
        body=body, tokens=tokens
    )
    assert cohere_embeddings.parse_result(body) == EmbeddingsResult(
        vectors=((1.0, 0.5), (0.0, -1.0)), tokens=tokens
    )


def test_a_ranking_is_asked_for_without_its_documents() -> None:
    request = RerankRequest(
        query="q",
        documents=("a", "b"),
        top_n=1,
        max_tokens_per_doc=100,
        return_documents=True,
        extra={"priority": 3},
        protocol="cohere_rerank",
    )

    body, dropped = cohere_rerank.build_request(request, "rerank-v3.5", NONE, None)

    assert body == {
        "model": "rerank-v3.5",
        "query": "q",
        "documents": ["a", "b"],
        "top_n": 1,
        "max_tokens_per_doc": 100,
        "priority": 3,
    }
    assert dropped == []


def test_quirks_of_a_server_are_applied_and_named() -> None:
    request = RerankRequest(query="q", documents=("a",), top_n=1, max_tokens_per_doc=9)
    quirks = Quirks(frozenset({"max_tokens_per_doc"}), {"top_n": "top_k"})

    body, dropped = cohere_rerank.build_request(request, "m", quirks, None)

    assert body == {"model": "m", "query": "q", "documents": ["a"], "top_k": 1}
    assert dropped == ["max_tokens_per_doc"]


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        (
            {"meta": {"billed_units": {"search_units": 2}}},
            Tokens(other={"search": 2}),
        ),
        ({"meta": {"billed_units": {"input_tokens": 40}}}, Tokens(input=40)),
        (
            {"meta": {"billed_units": {"search_units": 1}, "tokens": {"x": 1}}},
            Tokens(other={"search": 1}),
        ),
        # Together, Jina and vLLM.
        ({"usage": {"prompt_tokens": 7, "total_tokens": 9}}, Tokens(input=7)),
        ({"usage": {"total_tokens": 9}}, Tokens(input=9)),
        ({"meta": {"billed_units": {"search_units": -1}}}, None),
        ({"meta": {"billed_units": {"search_units": 0}}}, None),
        ({"meta": []}, None),
        ({}, None),
    ],
)
def test_what_a_ranking_used_is_found_wherever_it_is_told(
    answer: JSON, tokens: Tokens | None
) -> None:
    body = json.dumps({"results": [], "model": "m", **answer}).encode()

    assert cohere_rerank.parse_response(body) == UpstreamReply(
        body=body, tokens=tokens, reported_model="m"
    )


def test_a_ranking_is_read_best_first() -> None:
    results = [
        {"index": 0, "relevance_score": 0.25, "document": "a"},
        {"index": 2, "relevance_score": 1, "document": {"text": "c"}},
    ]
    body = json.dumps({"id": "r", "results": results}).encode()

    assert cohere_rerank.parse_result(body) == RerankResult(
        id="r", ranked=(Ranked(2, 1.0), Ranked(0, 0.25))
    )


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message":"Overloaded."}', "Overloaded."),
        (b'{"error":{"message":"No.","code":400}}', "No."),
        (b'{"detail":"Not now."}', "Not now."),
    ],
)
def test_an_error_hidden_in_an_answer_is_found(
    adapter: Any, body: bytes, message: str
) -> None:
    assert adapter.parse_response(body) == UpstreamFault("", message)
    assert adapter.error_code(body) == UpstreamFault("", message)


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"results":{},"embeddings":null}',
        b"<html>",
        b'{"results":[{"index":"0"}],"embeddings":{"float":["a"]}}',
        b'{"results":[{"index":0}],"embeddings":3}',
    ],
)
def test_what_is_no_answer_is_unreadable(adapter: Any, body: bytes) -> None:
    with pytest.raises(adapter.Unreadable):
        adapter.parse_result(body)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_relayed_request_changes_where_it_must(adapter: Any) -> None:
    sent = adapter.build_relayed(
        {"model": b'"fast"', "provider": b"{}", "top_n": b"1", "odd": b"2"},
        "m",
        Quirks(frozenset({"odd"}), {"top_n": "top_k"}),
        stream=False,
        dropped=frozenset({"provider"}),
    )

    assert sent == {"model": b'"m"', "top_k": b"1"}


names = st.sampled_from(
    [
        "results",
        "embeddings",
        "float",
        "meta",
        "billed_units",
        "search_units",
        "input_tokens",
        "images",
        "usage",
        "prompt_tokens",
        "index",
        "relevance_score",
        "message",
        "error",
        "detail",
    ]
)
likely = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4)
    ),
    max_leaves=15,
)


@pytest.mark.parametrize("adapter", ADAPTERS)
@given(
    body=st.binary(max_size=40)
    | st.dictionaries(names, likely, max_size=5).map(lambda t: json.dumps(t).encode())
)
def test_no_bytes_can_break_the_adapters(adapter: Any, body: bytes) -> None:
    for parse in (adapter.parse_response, adapter.parse_result):
        with contextlib.suppress(adapter.Unreadable):
            parse(body)
    adapter.error_code(body)
