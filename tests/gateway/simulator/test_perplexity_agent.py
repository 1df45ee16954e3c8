from typing import Any

import httpx
import pytest

from gateway.simulator import Simulator
from tests.gateway.simulator.reading import JSON, named_events

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
SEARCH: JSON = {"tools": [{"type": "web_search"}]}


def asked(http: httpx.Client, **fields: Any) -> httpx.Response:
    body = {"model": "sim-chat", "input": "Hello there", **fields}
    return http.post("/v1/agent", json=body)


def test_it_searches_when_told_to(simulator: Simulator, http: httpx.Client) -> None:
    found = asked(http, **SEARCH).json()
    alone = asked(http).json()

    results, message = found["output"]
    assert [each["id"] for each in results["results"]] == [1, 2]
    (source,) = message["content"][0]["annotations"]
    assert source["url"] == results["results"][0]["url"]
    assert [item["type"] for item in alone["output"]] == ["message"]
    assert [call.protocol for call in simulator.calls] == ["perplexity_agent"] * 2


def test_every_answer_says_what_it_cost(http: httpx.Client) -> None:
    usage = asked(http, **SEARCH).json()["usage"]

    assert usage["tool_calls_details"] == {"search_web": {"invocation": 1}}
    assert usage["cost"]["total_cost"] > usage["cost"]["tool_calls_cost"] == 0.0025


def test_the_format_stands_at_the_top(http: httpx.Client) -> None:
    described = {"name": "a", "schema": SCHEMA}
    wanted = {"type": "json_schema", "json_schema": described}

    answer = asked(http, response_format=wanted).json()

    assert answer["output"][0]["content"][0]["text"] == '{"a":"a"}'


def test_a_stream_ends_with_the_answer_or_the_error(http: httpx.Client) -> None:
    whole = named_events(asked(http, **SEARCH, stream=True))
    failed = named_events(asked(http, model="sim-fault-error-midstream", stream=True))

    assert whole[-1][1]["response"]["output"][0]["type"] == "search_results"
    name, error = failed[-1]
    assert name == "response.failed"
    assert "response" not in error
    assert error["error"]["code"] == 503


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0.5},
        {"text": {"format": {"type": "text"}}},
        {"include": []},
        {"input": [{"role": "user", "content": "Hi"}]},
        {"response_format": {"type": "json_object"}},
        {"response_format": 1},
        {"input": 1},
    ],
)
def test_what_perplexity_refuses_is_refused(http: httpx.Client, fields: JSON) -> None:
    response = asked(http, **fields)

    assert response.status_code == 400, response.text
    assert response.json()["error"]["message"]
