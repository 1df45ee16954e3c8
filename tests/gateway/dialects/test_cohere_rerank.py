"""Rankings as Cohere's clients ask for them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.dialects import cohere_rerank
from gateway.operations import Ranked, RerankRequest, RerankResult
from gateway.types import JSON, UpstreamReply
from usage.tokens import Tokens

BODY: JSON = {"model": "fast", "query": "q", "documents": ["a", "b"]}
RESULT = RerankResult(
    id="r",
    ranked=(Ranked(1, 0.75), Ranked(0, 0.5)),
    tokens=Tokens(other={"search": 1}),
)


def test_a_body_is_read_and_what_is_not_known_is_kept() -> None:
    body = {**BODY, "top_n": 1, "max_tokens_per_doc": 9, "priority": 2, "models": []}

    assert cohere_rerank.parse_request(body) == RerankRequest(
        query="q",
        documents=("a", "b"),
        top_n=1,
        max_tokens_per_doc=9,
        extra={"priority": 2},
        protocol="cohere_rerank",
    )


def test_objects_are_ranked_by_their_text_or_by_the_fields_that_are_named() -> None:
    documents = [{"text": "a", "title": "A"}, "b", {"title": "C", "pages": [1]}]

    plain = cohere_rerank.parse_request({**BODY, "documents": documents})
    named = cohere_rerank.parse_request(
        {**BODY, "documents": documents, "rank_fields": ["title", "text"]}
    )

    assert plain.documents == ("a", "b", "title: C\npages: [1]")
    assert named.documents == ("title: A\ntext: a", "b", "title: C")


def test_chunks_of_the_older_version_are_tokens_in_the_newer() -> None:
    request = cohere_rerank.parse_request({**BODY, "max_chunks_per_doc": 2})

    assert request.max_tokens_per_doc == 1020


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "cohere_rerank"),
        ({"top_n": 1}, "cohere_rerank"),
        ({"return_documents": True}, "cohere_rerank_v1"),
        ({"documents": ["a", {"text": "b"}]}, "cohere_rerank_v1"),
        ({"max_chunks_per_doc": 1}, "cohere_rerank_v1"),
    ],
)
def test_the_version_shows_in_the_body(fields: JSON, name: str) -> None:
    assert cohere_rerank.name_for(BODY | fields) == name


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"query": None}, "query"),
        ({"query": " "}, "query"),
        ({"model": 1}, "model"),
        ({"model": "m" * 301}, "model"),
        ({"documents": "a"}, "documents"),
        ({"documents": []}, "documents"),
        ({"documents": ["a", 1]}, "documents[1]"),
        ({"documents": [{}]}, "documents[0]"),
        ({"top_n": 0}, "top_n"),
        ({"top_n": True}, "top_n"),
        ({"max_tokens_per_doc": "1"}, "max_tokens_per_doc"),
        ({"return_documents": 1}, "return_documents"),
        ({"rank_fields": "title"}, "rank_fields"),
        ({"rank_fields": [1]}, "rank_fields"),
    ],
)
def test_what_asks_for_no_ranking_is_malformed(fields: JSON, param: str) -> None:
    with pytest.raises(cohere_rerank.Malformed) as malformed:
        cohere_rerank.parse_request(BODY | fields)

    assert malformed.value.param == param


@pytest.mark.parametrize(("count", "searches"), [(1, 1), (100, 1), (101, 2)])
def test_a_hundred_documents_are_one_search(count: int, searches: int) -> None:
    assert cohere_rerank.units({"documents": ["a"] * count}) == {"search": searches}


def test_documents_come_back_to_who_wants_them() -> None:
    request = RerankRequest(
        query="q", documents=("a", "b"), top_n=1, return_documents=True
    )
    reply = UpstreamReply(body=b"{}", tokens=RESULT.tokens)

    built = cohere_rerank.build_reply(reply, request, RESULT, "id", 0, "m")

    assert json.loads(built.body) == {
        "id": "r",
        "results": [{"index": 1, "relevance_score": 0.75, "document": {"text": "b"}}],
        "meta": {"billed_units": {"search_units": 1}},
    }


def test_an_answer_without_an_id_gets_ours() -> None:
    answer = json.loads(cohere_rerank.build_response(RerankResult(), "ours", 0, "m"))

    assert answer == {"id": "ours", "results": []}


def test_an_error_is_a_message_with_what_tells_it_apart() -> None:
    error = cohere_rerank.build_error(403, "approval_required", "No.", None, {"a": 1})
    named = cohere_rerank.build_error(400, "invalid_request", "No.", "query")

    assert json.loads(error) == {"message": "No.", "code": "approval_required", "a": 1}
    assert json.loads(named)["param"] == "query"


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    fields=st.dictionaries(
        st.sampled_from(
            ["query", "documents", "model", "top_n", "rank_fields", "priority"]
        ),
        anything,
    )
)
def test_no_body_breaks_the_dialect(fields: Any) -> None:
    try:
        request = cohere_rerank.parse_request(BODY | fields)
    except cohere_rerank.Malformed:
        return
    assert len(request.documents) == len((BODY | fields)["documents"])
