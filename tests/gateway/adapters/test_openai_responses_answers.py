"""Whole answers of those who speak Responses, and what is wrong with them."""

import contextlib
import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import openai_responses
from gateway.canonical import (
    ChatResult,
    Citation,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
)
from gateway.types import UpstreamFault, UpstreamReply
from tests.gateway.adapters.openai_chat_values import anything
from tests.gateway.adapters.openai_responses_values import answers
from usage.tokens import Tokens

NAME = "openai_responses"
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"cached_tokens": 20, "cache_write_tokens": 10},
    "output_tokens": 40,
    "output_tokens_details": {"reasoning_tokens": 30},
    "total_tokens": 90,
}
TEXT = {"type": "output_text", "text": "Hi", "annotations": []}
MESSAGE = {"type": "message", "id": "msg_1", "role": "assistant", "content": [TEXT]}
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "look",
    "arguments": '{"a":1}',
}
PERPLEXITY: dict[str, Any] = {
    "input_tokens": 3000,
    "output_tokens": 120,
    "total_tokens": 3120,
    "input_tokens_details": {
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 2000,
    },
    "tool_calls_details": {"search_web": {"invocation": 2}},
    "cost": {"currency": "USD", "total_cost": 0.003175},
}


def response(*output: Any, **fields: Any) -> bytes:
    answer = {
        "id": "resp_1",
        "object": "response",
        "status": "completed",
        "model": "gpt-6.1-sol",
        "output": output,
        "error": None,
        "usage": USAGE,
    }
    return orjson.dumps(answer | fields)


def parsed(*output: Any, **fields: Any) -> ChatResult:
    return openai_responses.parse_result(response(*output, **fields))


def parts(*output: Any) -> tuple[Any, ...]:
    return parsed(*output).choices[0].parts


def tokens(usage: Any, **fields: Any) -> Tokens | None:
    return parsed(MESSAGE, usage=usage, **fields).tokens


# Results


def test_items_become_parts_in_their_order() -> None:
    thought = {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [
            {"type": "summary_text", "text": "Hm"},
            {"type": "summary_text", "text": "so"},
        ],
        "encrypted_content": "xyz",
    }

    result = parsed(thought, {"type": "web_search_call"}, MESSAGE, CALL)

    sealed = '{"id":"rs_1","encrypted_content":"xyz"}'
    assert result.choices[0].parts == (
        Reasoning("Hm\n\nso", sealed=sealed, protocol=NAME),
        Text("Hi"),
        ToolCall("call_1", "look", '{"a":1}'),
    )
    assert result.choices[0].finish_reason == "tool_calls"
    assert (result.id, result.model) == ("resp_1", "gpt-6.1-sol")
    assert result.tokens == Tokens(50, 40, 20, 10, 30)


def test_reasoning_may_stand_open() -> None:
    content = [{"type": "reasoning_text", "text": "Hm"}]
    thought = {"type": "reasoning", "summary": [], "content": content}
    empty = {"type": "reasoning", "summary": []}

    assert parts(thought, empty) == (Reasoning("Hm", protocol=NAME),)


def test_a_refusal_is_no_text() -> None:
    result = parsed({**MESSAGE, "content": [{"type": "refusal", "refusal": "No."}]})

    assert result.choices[0].parts == (Refusal("No."),)
    assert result.choices[0].finish_reason == "stop"


def test_a_call_without_an_id_gets_one_and_one_without_a_name_is_none() -> None:
    call = {"type": "function_call", "name": "look", "arguments": ""}

    assert parts(call, {**CALL, "name": None}) == (ToolCall("call_resp_1_0", "look"),)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("max_output_tokens", "length"),
        ("max_messages", "length"),
        ("content_filter", "content_filter"),
        ("steered", "stop"),
    ],
)
def test_an_incomplete_answer_says_why(reason: str, finish: str) -> None:
    details = {"reason": reason}

    result = parsed(MESSAGE, status="incomplete", incomplete_details=details)

    assert result.choices[0].finish_reason == finish


def test_sources_are_counted_from_the_beginning_of_the_text() -> None:
    source = {
        "type": "url_citation",
        "url": "https://a.test",
        "title": "A",
        "start_index": 0,
        "end_index": 2,
    }
    cited = {**TEXT, "annotations": [source, {"type": "file_citation"}, source]}

    result = parsed(MESSAGE, {**MESSAGE, "content": [cited]})

    assert result.citations == (Citation("https://a.test", "A", "", 2, 4),)


def test_perplexity_tells_its_sources_in_an_item() -> None:
    found = {
        "type": "search_results",
        "results": [
            {"id": 1, "url": "https://b.test", "title": "B", "snippet": "b"},
            {"id": 2, "url": "https://a.test", "title": None},
            {"id": 3},
        ],
    }
    source = {"type": "citation", "url": "https://b.test", "start_index": 1}

    result = parsed(found, {**MESSAGE, "content": [{**TEXT, "annotations": [source]}]})

    assert result.citations == (
        Citation("https://b.test", "B", "b"),
        Citation("https://a.test"),
        Citation("https://b.test", start=1),
    )


def test_log_probabilities_have_the_shape_of_chat() -> None:
    entry = {"token": "Hi", "logprob": -0.1, "bytes": [72, 105]}
    told = [{**entry, "top_logprobs": [{"token": "Ho", "logprob": -2}]}]

    choice = parsed({**MESSAGE, "content": [{**TEXT, "logprobs": told}]}).choices[0]

    other = {"token": "Ho", "logprob": -2, "bytes": None}
    assert choice.logprobs == {
        "content": [{**entry, "top_logprobs": [other]}],
        "refusal": None,
    }


# Usage


def test_perplexity_says_what_it_searched_and_charged() -> None:
    assert tokens(PERPLEXITY) == Tokens(
        3000, 120, 2000, other={"search": 2}, cost_usd=Decimal("0.003175")
    )


def test_xai_adds_what_it_read_from_its_cache() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 800},
        "output_tokens": 20,
        "cost_in_usd_ticks": 38_000_000,
        "server_side_tool_usage_details": {"web_search_calls": 1, "x_search_calls": 2},
    }

    assert tokens(usage) == Tokens(
        900, 20, 800, other={"search": 3}, cost_usd=Decimal("0.0038")
    )


def test_openai_counts_its_searches_beside_the_usage() -> None:
    found = tokens(USAGE, tool_usage={"web_search": {"num_requests": 2}})

    assert found is not None
    assert found.other == {"search": 2}


@pytest.mark.parametrize(
    "usage",
    [
        None,
        [],
        {},
        {"input_tokens": "a"},
        {"input_tokens": -1, "output_tokens": 5},
        {"input_tokens": 10**15, "output_tokens": 5},
        {"output_tokens": 1, "output_tokens_details": {"reasoning_tokens": 2}},
    ],
)
def test_usage_that_cannot_be_true_is_none(usage: Any) -> None:
    assert tokens(usage) is None


# What went wrong


def test_a_good_answer_is_passed_on_as_it_is() -> None:
    body = response(MESSAGE, new=1)

    reply = openai_responses.parse_response(body)

    assert reply == UpstreamReply(
        body, Tokens(50, 40, 20, 10, 30), "gpt-6.1-sol", "stop"
    )


def test_an_answer_in_the_background_has_no_output_yet() -> None:
    reply = openai_responses.parse_response(response(status="queued", usage=None))

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens is None


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"status": "failed", "error": {"code": "server_error", "message": "Oh."}},
            UpstreamFault("server_error", "Oh.", status=500),
        ),
        (
            {
                "status": "failed",
                "error": {"code": "rate_limit_exceeded", "message": "Wait."},
            },
            UpstreamFault("rate_limit_exceeded", "Wait.", status=429),
        ),
        (
            {
                "status": "failed",
                "error": {"code": "image_too_large", "message": "Smaller."},
            },
            UpstreamFault("image_too_large", "Smaller.", status=400),
        ),
        (
            {"status": "failed", "error": {"code": 7, "type": "x", "message": "Oh."}},
            UpstreamFault("7", "Oh."),
        ),
        (
            {"status": "cancelled"},
            UpstreamFault("", "The provider broke the answer off."),
        ),
        ({"error": "Oh.", "code": "Busy"}, UpstreamFault("Busy", "Oh.")),
    ],
)
def test_an_answer_that_failed_is_a_fault(fields: Any, fault: UpstreamFault) -> None:
    assert openai_responses.parse_response(response(**fields)) == fault


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"output":1}', b"\xff"])
def test_an_answer_that_is_none_is_unreadable(body: bytes) -> None:
    for read in (openai_responses.parse_response, openai_responses.parse_result):
        with pytest.raises(openai_responses.Unreadable):
            read(body)


@pytest.mark.parametrize("status", ["failed", "cancelled", "queued", "in_progress"])
def test_an_answer_that_is_not_whole_is_not_translated(status: str) -> None:
    with pytest.raises(openai_responses.Unreadable):
        parsed(MESSAGE, status=status)


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            (
                b'{"error":{"message":"No.","type":"invalid_request_error","param":"a",'
                b'"code":"unsupported_parameter"}}'
            ),
            UpstreamFault("unsupported_parameter", "No.", "a"),
        ),
        (
            (
                b'{"code":"Client specified an invalid argument",'
                b'"error":"Incorrect API key provided: xa***yz."}'
            ),
            UpstreamFault("invalid_api_key", "Incorrect API key provided: xa***yz."),
        ),
        (
            b'{"error":{"message":"No.","type":"x","code":422}}',
            UpstreamFault("422", "No."),
        ),
        (
            b"<html>",
            UpstreamFault("", "The provider answered with an error and no JSON."),
        ),
    ],
)
def test_an_error_is_read_however_it_is_written(
    body: bytes, fault: UpstreamFault
) -> None:
    assert openai_responses.error_code(body) == fault


@given(body=st.binary(max_size=300))
def test_no_bytes_break_the_adapter(body: bytes) -> None:
    openai_responses.error_code(body)
    for read in (openai_responses.parse_response, openai_responses.parse_result):
        with contextlib.suppress(openai_responses.Unreadable):
            read(body)


@given(answer=answers | anything, output=st.lists(answers, max_size=3))
def test_no_json_breaks_the_adapter(answer: Any, output: list[Any]) -> None:
    bodies = [answer]
    if type(answer) is dict:
        bodies.append({**answer, "output": output})
    for each in bodies:
        body = json.dumps(each).encode()
        openai_responses.error_code(body)
        for read in (openai_responses.parse_response, openai_responses.parse_result):
            with contextlib.suppress(openai_responses.Unreadable):
                read(body)
