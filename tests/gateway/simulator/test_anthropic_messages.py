import json
from typing import Any

import httpx
import jsonschema
import pytest

from gateway.simulator import Simulator
from tests.gateway.simulator.reading import JSON, named_events

PATH = "/v1/messages"
VERSION = {"anthropic-version": "2023-06-01"}
LATER = {"anthropic-version": "2026-10-21"}
WEATHER: JSON = {
    "name": "get_weather",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}
CLOCK: JSON = {"name": "now", "input_schema": {"type": "object"}}
PLACE: JSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "height": {"type": "number"}},
    "required": ["name", "height"],
    "additionalProperties": False,
}
CALL: JSON = {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}
RESULT: JSON = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "noon"}


def saying(text: str = "Hello there", **fields: Any) -> JSON:
    messages = [{"role": "user", "content": text}]
    return {"model": "sim-chat", "max_tokens": 2048, "messages": messages} | fields


def turn(role: str, *blocks: JSON) -> JSON:
    return {"role": role, "content": list(blocks)}


def send(http: httpx.Client, body: JSON, headers: JSON = VERSION) -> httpx.Response:
    return http.post(PATH, json=body, headers=headers)


def message(http: httpx.Client, body: JSON) -> JSON:
    response = send(http, body)
    assert response.status_code == 200, response.text
    found: JSON = response.json()
    return found


def whole_of(events: list[tuple[str, JSON]]) -> JSON:
    """Return the message that a stream builds up, as Anthropic's clients do."""
    started: JSON = {}
    partial: dict[int, str] = {}
    for name, data in events:
        match name:
            case "message_start":
                started = data["message"]
            case "content_block_start":
                assert data["index"] == len(started["content"])
                started["content"].append(data["content_block"])
            case "content_block_delta":
                kind, value = tuple(data["delta"].values())
                block = started["content"][data["index"]]
                if kind == "input_json_delta":
                    so_far = partial.get(data["index"], "")
                    partial[data["index"]] = so_far + value
                else:
                    key = kind.removesuffix("_delta")
                    block[key] += value
            case "message_delta":
                started |= data["delta"]
                started["usage"] |= data["usage"]
            case _:
                assert name in {"ping", "content_block_stop", "message_stop"}
    for index, text in partial.items():
        started["content"][index]["input"] = json.loads(text or "{}")
    return started


def test_answers_in_one_piece(http: httpx.Client) -> None:
    response = send(http, saying())

    answer = response.json()
    (block,) = answer["content"]
    assert block["type"] == "text"
    assert "Hello there" in block["text"]
    assert answer["id"].startswith("msg_")
    assert (answer["type"], answer["role"]) == ("message", "assistant")
    assert (answer["stop_reason"], answer["stop_sequence"]) == ("end_turn", None)
    assert answer["usage"]["input_tokens"] == 3
    assert answer["usage"]["output_tokens"] == -(-len(block["text"]) // 4)
    assert response.headers["request-id"].startswith("req_")


def test_a_stream_has_the_events_in_their_order(http: httpx.Client) -> None:
    response = send(http, saying(stream=True))

    names = [name for name, _ in named_events(response)]
    assert response.headers["content-type"].startswith("text/event-stream")
    assert names[:3] == ["message_start", "ping", "content_block_start"]
    assert names[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(names[3:-3]) == {"content_block_delta"}
    for name, data in named_events(response):
        assert data["type"] == name


@pytest.mark.parametrize(
    "body",
    [
        saying(),
        saying("call a tool", tools=[WEATHER]),
        saying("call two tools", tools=[WEATHER, CLOCK]),
        saying(model="sim-reasoning", thinking={"type": "adaptive"}),
        saying(
            "call a tool",
            model="sim-reasoning",
            tools=[WEATHER],
            thinking={"type": "enabled", "budget_tokens": 1024},
        ),
        saying("refuse to answer"),
        saying(stop_sequences=["simulated"]),
        saying(max_tokens=2),
    ],
)
def test_a_stream_builds_up_the_plain_message(http: httpx.Client, body: JSON) -> None:
    plain = message(http, body)
    streamed = whole_of(named_events(send(http, body | {"stream": True})))

    for answer in (plain, streamed):
        answer.pop("id")
        for block in answer["content"]:
            block.pop("id", None)
    assert streamed == plain


def test_calls_the_first_tool_with_arguments_of_its_schema(http: httpx.Client) -> None:
    answer = message(http, saying("Please call a tool", tools=[WEATHER, CLOCK]))

    (call,) = answer["content"]
    assert (call["type"], call["name"]) == ("tool_use", "get_weather")
    assert call["id"].startswith("toolu_")
    jsonschema.validate(call["input"], WEATHER["input_schema"])
    assert answer["stop_reason"] == "tool_use"


def test_calls_two_tools_unless_only_one_is_allowed(http: httpx.Client) -> None:
    body = saying("call two tools", tools=[WEATHER, CLOCK])
    one = {"type": "auto", "disable_parallel_tool_use": True}

    both = message(http, body)["content"]
    single = message(http, body | {"tool_choice": one})["content"]

    assert [call["name"] for call in both] == ["get_weather", "now"]
    assert [call["name"] for call in single] == ["get_weather"]


@pytest.mark.parametrize(
    ("choice", "called"),
    [
        ({"type": "any"}, ["get_weather"]),
        ({"type": "tool", "name": "now"}, ["now"]),
        ({"type": "none"}, []),
        ({"type": "auto"}, []),
    ],
)
def test_obeys_the_choice_of_tools(
    http: httpx.Client, choice: JSON, called: list[str]
) -> None:
    answer = message(http, saying(tools=[WEATHER, CLOCK], tool_choice=choice))

    names = [b["name"] for b in answer["content"] if b["type"] == "tool_use"]
    assert names == called


def test_answers_a_tools_result_with_text(http: httpx.Client) -> None:
    body = saying("call a tool", tools=[CLOCK])
    called = message(http, body)["content"]
    result = RESULT | {"tool_use_id": called[0]["id"], "content": "It is noon"}
    body["messages"] += [turn("assistant", *called), turn("user", result)]

    (block,) = message(http, body)["content"]

    assert "The tool said: It is noon." in block["text"]


@pytest.mark.parametrize(
    ("thinking", "is_shown"),
    [
        ({"type": "enabled", "budget_tokens": 1024}, True),
        ({"type": "adaptive"}, False),
        ({"type": "adaptive", "display": "summarized"}, True),
    ],
)
def test_thinks_when_it_may(http: httpx.Client, thinking: JSON, is_shown: bool) -> None:
    answer = message(http, saying(model="sim-reasoning", thinking=thinking))

    thought, text = answer["content"]
    assert (thought["type"], text["type"]) == ("thinking", "text")
    assert bool(thought["thinking"]) is is_shown
    assert thought["signature"]
    assert answer["usage"]["output_tokens_details"] == {"thinking_tokens": 64}


def test_thinks_neither_unasked_nor_without_the_gift(http: httpx.Client) -> None:
    thinking = {"type": "adaptive"}

    for body in (saying(model="sim-reasoning"), saying(thinking=thinking)):
        (block,) = message(http, body)["content"]
        assert block["type"] == "text"


@pytest.mark.parametrize("display", ["summarized", "omitted"])
def test_a_thought_must_come_back_as_it_was_given(
    http: httpx.Client, display: str
) -> None:
    thinking = {"type": "adaptive", "display": display}
    body = saying(
        "call a tool", model="sim-reasoning", tools=[CLOCK], thinking=thinking
    )
    thought, call = message(http, body)["content"]
    result = turn("user", RESULT | {"tool_use_id": call["id"]})

    def status(*blocks: JSON, **fields: str) -> int:
        messages = [*body["messages"], turn("assistant", *blocks, call), result]
        return send(http, body | {"messages": messages} | fields).status_code

    other = "A" + thought["signature"][1:]
    assert status(thought) == 200
    assert status(thought | {"signature": other}) == 400
    assert status(thought | {"signature": "bm9uZQ=="}) == 400
    assert status(thought | {"thinking": "Something else"}) == 400
    assert status(thought, model="sim-chat") == 400
    assert status(thought, model="sim-reasoning-pace-1") == 200


def test_answers_in_the_shape_of_a_schema(http: httpx.Client) -> None:
    wanted = {"format": {"type": "json_schema", "schema": PLACE}}

    (block,) = message(http, saying(output_config=wanted))["content"]

    jsonschema.validate(json.loads(block["text"]), PLACE)


def test_obeys_an_instruction_to_answer_in_json(http: httpx.Client) -> None:
    alone = "Answer with a single JSON object and nothing else."
    shaped = f"{alone} It must match this JSON schema: {json.dumps(PLACE)} Thank you."

    for system in (alone, shaped):
        (block,) = message(http, saying(system=system))["content"]
        found = json.loads(block["text"])
        assert isinstance(found, dict)
    jsonschema.validate(found, PLACE)


def test_says_why_it_stopped(http: httpx.Client) -> None:
    stopped = message(http, saying(stop_sequences=["never", "simulated"]))
    short = message(http, saying(max_tokens=2))
    refused = message(http, saying("refuse to answer"))

    assert (stopped["stop_reason"], stopped["stop_sequence"]) == (
        "stop_sequence",
        "simulated",
    )
    assert (short["stop_reason"], short["usage"]["output_tokens"]) == ("max_tokens", 2)
    assert refused["stop_reason"] == "refusal"
    assert refused["stop_details"]["explanation"] == refused["content"][0]["text"]


def test_cached_tokens_are_counted_apart(http: httpx.Client) -> None:
    block = {"type": "text", "text": "x" * 400, "cache_control": {"type": "ephemeral"}}
    body = saying(model="sim-chat-cached-60-written-30", system=[block])

    usage = message(http, body)["usage"]
    block["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
    later = message(http, body)["usage"]

    assert usage["input_tokens"] == 103 - 60 - 30
    assert usage["cache_read_input_tokens"] == 60
    assert usage["cache_creation_input_tokens"] == 30
    assert usage["cache_creation"]["ephemeral_5m_input_tokens"] == 30
    assert later["cache_creation"]["ephemeral_1h_input_tokens"] == 30


def test_a_picture_is_seen_by_who_can(http: httpx.Client) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    picture = {"type": "image", "source": source}
    asked = turn("user", {"type": "text", "text": "What is it?"}, picture)

    seen = message(http, saying(model="sim-vision", messages=[asked]))
    unseen = send(http, saying(messages=[asked]))

    assert "I see 1 image(s)." in seen["content"][0]["text"]
    assert seen["usage"]["input_tokens"] == 3 + 85
    assert unseen.status_code == 400


def test_counts_tokens_without_a_bill(simulator: Simulator, http: httpx.Client) -> None:
    body = saying(system="Be brief.", tools=[CLOCK])
    del body["max_tokens"]

    response = http.post(f"{PATH}/count_tokens", json=body, headers=VERSION)

    assert response.json() == {"input_tokens": 5}
    (call,) = simulator.calls
    assert (call.protocol, call.is_billable) == ("anthropic_count", False)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"max_tokens": None}, "max_tokens: Input should be a valid integer"),
        ({"n": 2}, "n: Extra inputs are not permitted"),
        ({"messages": []}, "at least one message"),
        ({"messages": [turn("system", {"type": "text", "text": "a"})]}, "system"),
        ({"messages": [turn("user", {"type": "text", "text": " "})]}, "non-empty"),
        ({"messages": [turn("user", {"type": "image_url"})]}, "does not match"),
        ({"messages": [turn("user", RESULT)]}, "unexpected `tool_use_id`"),
        ({"messages": [turn("assistant", CALL)]}, "without `tool_result`"),
        (
            {
                "messages": [
                    turn("assistant", CALL),
                    turn("user", {"type": "text", "text": "a"}, RESULT),
                ]
            },
            "without `tool_result`",
        ),
        (
            {
                "messages": [
                    turn("assistant", CALL | {"id": "a.b:0"}),
                    turn("user", RESULT | {"tool_use_id": "a.b:0"}),
                ]
            },
            "should match",
        ),
        (
            {"tools": [{"type": "function", "function": {"name": "a"}}]},
            "does not match",
        ),
        ({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}, "pattern"),
        ({"tool_choice": {"type": "auto"}}, "while providing tools"),
        ({"stop_sequences": ["\n"]}, "non-whitespace"),
        ({"temperature": 1.5}, "range: 0..1"),
        ({"metadata": {"user_id": "ada@example.com"}}, "email"),
        ({"output_config": {"effort": "enormous"}}, "effort"),
        (
            {
                "output_config": {
                    "format": {"type": "json_schema", "schema": {"type": "object"}}
                }
            },
            "additionalProperties",
        ),
        (
            {
                "output_config": {
                    "format": {
                        "type": "json_schema",
                        "schema": {"type": "integer", "minimum": 1},
                    }
                }
            },
            "minimum",
        ),
        ({"thinking": {"type": "enabled", "budget_tokens": 4096}}, "max_tokens"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "1024"),
        (
            {
                "thinking": {"type": "adaptive"},
                "tools": [CLOCK],
                "tool_choice": {"type": "any"},
            },
            "Thinking may not be enabled",
        ),
        ({"thinking": {"type": "adaptive"}, "temperature": 0.2}, "temperature"),
        ({"metadata": "text"}, "Invalid type"),
        ({"messages": [{"role": []}]}, ""),
    ],
)
def test_a_bad_request_is_refused_in_anthropics_shape(
    http: httpx.Client, fields: JSON, told: str
) -> None:
    response = send(http, saying(**fields))

    body = response.json()
    assert response.status_code == 400, body
    assert body["type"] == "error"
    assert body["error"]["type"] == "invalid_request_error"
    assert told in body["error"]["message"]
    assert body["request_id"] == response.headers["request-id"]


def test_max_tokens_has_no_default(http: httpx.Client) -> None:
    body = saying()
    del body["max_tokens"]

    assert send(http, body).json()["error"]["message"] == "max_tokens: Field required"


@pytest.mark.parametrize("headers", [{}, {"anthropic-version": "2024-01-01"}])
def test_the_version_is_needed(http: httpx.Client, headers: JSON) -> None:
    response = send(http, saying(), headers)

    assert response.status_code == 400
    assert "anthropic-version" in response.json()["error"]["message"]


def test_the_later_version_takes_no_sampling(http: httpx.Client) -> None:
    assert send(http, saying(temperature=1)).status_code == 200
    assert send(http, saying(), LATER).status_code == 200
    assert send(http, saying(temperature=1), LATER).status_code == 400


@pytest.mark.parametrize(
    "key", [{"x-api-key": "sk-invalid"}, {"authorization": "Bearer sk-invalid"}]
)
def test_the_invalid_key_is_refused_in_either_header(
    http: httpx.Client, key: JSON
) -> None:
    response = send(http, saying(), VERSION | key)

    assert response.status_code == 401
    assert response.json()["error"]["type"] == "authentication_error"
    assert http.get("/v1/models", headers=VERSION | key).status_code == 401


def test_what_is_not_there_is_not_found(http: httpx.Client) -> None:
    model = send(http, saying(model="claude-unknown"))
    batches = http.post(f"{PATH}/batches", json={}, headers=VERSION)

    for response in (model, batches):
        assert response.status_code == 404
        assert response.json()["error"]["type"] == "not_found_error"


def test_a_body_that_is_no_json_is_refused(http: httpx.Client) -> None:
    response = http.post(PATH, content=b"{", headers=VERSION)

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_lists_models_a_page_at_a_time(http: httpx.Client) -> None:
    first = http.get("/v1/models", params={"limit": 2}, headers=VERSION).json()
    after = {"limit": 1000, "after_id": first["last_id"]}
    rest = http.get("/v1/models", params=after, headers=VERSION).json()
    one = http.get("/v1/models/sim-reasoning", headers=VERSION).json()

    assert [model["id"] for model in first["data"]] == ["sim-chat", "sim-chat-large"]
    assert first["has_more"] is True
    assert rest["data"][0]["id"] == "sim-reasoning"
    assert rest["has_more"] is False
    assert (one["type"], one["id"]) == ("model", "sim-reasoning")
    assert one["capabilities"]["thinking"]["supported"] is True


def test_the_bench_model_is_quick_here_too(http: httpx.Client) -> None:
    plain = message(http, saying(model="sim-bench"))
    streamed = named_events(send(http, saying(model="sim-bench", stream=True)))

    assert plain["content"] == [{"type": "text", "text": "Hello."}]
    assert sum(name == "content_block_delta" for name, _ in streamed) == 48
