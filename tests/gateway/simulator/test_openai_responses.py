import json
from typing import Any

import httpx
import jsonschema
import openai
import pytest

from gateway.simulator import Simulator
from tests.gateway.simulator.reading import named_events

JSON = dict[str, Any]
PLACE: JSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "height": {"type": "number"}},
    "required": ["name", "height"],
    "additionalProperties": False,
}
LOOK: Any = {"type": "function", "name": "look", "parameters": PLACE, "strict": True}
SEALED: Any = ["reasoning.encrypted_content"]
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def test_answers_with_what_the_client_expects(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="sim-chat", input="Hello there")

    assert "Hello there" in answer.output_text
    assert (answer.status, answer.object) == ("completed", "response")
    assert answer.usage is not None
    assert answer.usage.input_tokens == 3
    assert answer.usage.total_tokens == 3 + -(-len(answer.output_text) // 4)
    assert answer.model_dump(warnings="error")


def test_a_stream_says_what_the_plain_answer_says(client: openai.OpenAI) -> None:
    plain = client.responses.create(model="sim-chat", input="Hello there")

    events = list(
        client.responses.create(model="sim-chat", input="Hello there", stream=True)
    )

    deltas = [e.delta for e in events if e.type == "response.output_text.delta"]
    assert "".join(deltas) == plain.output_text
    assert [event.sequence_number for event in events] == [*range(len(events))]
    assert [event.type for event in events[:4]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == plain.output_text
    assert last.response.usage == plain.usage


def test_the_client_puts_a_stream_together(client: openai.OpenAI) -> None:
    with client.responses.stream(
        model="sim-reasoning",
        input="Please call two tools",
        tools=[LOOK],
        reasoning={"summary": "auto"},
    ) as stream:
        for _ in stream:
            pass
        answer = stream.get_final_response()

    assert [item.type for item in answer.output] == [
        "reasoning",
        "function_call",
        "function_call",
    ]
    for item in answer.output[1:]:
        assert item.type == "function_call"
        jsonschema.validate(json.loads(item.arguments), PLACE)


def test_a_result_follows_its_call(client: openai.OpenAI) -> None:
    first = client.responses.create(
        model="sim-reasoning",
        input="Please call a tool",
        tools=[LOOK],
        include=SEALED,
        store=False,
    )
    thought, call = first.output
    assert call.type == "function_call"
    result = {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": [{"type": "input_text", "text": "4 C"}],
    }
    said: Any = [
        {"role": "user", "content": "Please call a tool"},
        thought.model_dump(exclude_none=True),
        call.model_dump(exclude_none=True, by_alias=True),
        result,
    ]

    answer = client.responses.create(model="sim-reasoning", input=said, tools=[LOOK])

    assert "The tool said: 4 C." in answer.output_text


def test_reasoning_is_shown_and_sealed_when_asked(client: openai.OpenAI) -> None:
    plain = client.responses.create(model="sim-reasoning", input="Hello")
    shown = client.responses.create(
        model="sim-reasoning",
        input="Hello",
        reasoning={"effort": "low", "summary": "auto"},
        include=SEALED,
    )
    resting = client.responses.create(
        model="sim-reasoning", input="Hello", reasoning={"effort": "none"}
    )

    first, second = plain.output[0], shown.output[0]
    assert first.type == second.type == "reasoning"
    assert (first.summary, first.encrypted_content) == ([], None)
    assert "The request is about: Hello" in second.summary[0].text
    assert second.encrypted_content
    assert plain.usage is not None
    assert plain.usage.output_tokens_details.reasoning_tokens == 64
    assert [item.type for item in resting.output] == ["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "rs_other"}, "could not be verified"),
        ({"encrypted_content": "abc"}, "could not be verified"),
        ({"encrypted_content": None}, "not found"),
        ({"summary": None}, "summary"),
    ],
)
def test_reasoning_comes_back_as_it_was(
    client: openai.OpenAI, changes: JSON, message: str
) -> None:
    first = client.responses.create(
        model="sim-reasoning", input="Hello", include=SEALED
    )
    thought = first.output[0].model_dump() | changes

    with pytest.raises(openai.BadRequestError, match=message):
        client.responses.create(model="sim-reasoning", input=[thought])  # type: ignore[list-item]


def test_json_is_valid_against_its_schema(client: openai.OpenAI) -> None:
    answer = client.responses.create(
        model="sim-chat",
        input="Where?",
        text={
            "format": {
                "type": "json_schema",
                "name": "place",
                "schema": PLACE,
                "strict": True,
            }
        },
    )
    some = client.responses.create(
        model="sim-chat",
        input="Any JSON, please",
        text={"format": {"type": "json_object"}},
    )

    jsonschema.validate(json.loads(answer.output_text), PLACE)
    assert type(json.loads(some.output_text)) is dict


def test_a_refusal_is_a_part_of_its_own(client: openai.OpenAI) -> None:
    answer = client.responses.create(model="sim-chat", input="refuse to answer")
    with client.responses.stream(model="sim-chat", input="refuse to answer") as stream:
        events = list(stream)

    (message,) = answer.output
    assert message.type == "message"
    assert message.content[0].type == "refusal"
    assert "refuse" in message.content[0].refusal
    assert "response.refusal.delta" in {event.type for event in events}


def test_an_answer_that_is_cut_is_incomplete(client: openai.OpenAI) -> None:
    asked: JSON = {
        "model": "sim-chat-events-60",
        "input": "Hello",
        "max_output_tokens": 16,
    }
    answer = client.responses.create(**asked)
    *_, last = client.responses.create(**asked, stream=True)

    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert len(answer.output_text) == 64
    assert last.type == "response.incomplete"


def test_pictures_and_files_are_seen(client: openai.OpenAI) -> None:
    content: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PIXEL},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:;base64,AA=="},
    ]
    said: Any = [{"role": "user", "content": content}]

    answer = client.responses.create(model="sim-vision", input=said)

    assert "I see 1 image(s)." in answer.output_text
    with pytest.raises(openai.BadRequestError, match="input_image"):
        client.responses.create(model="sim-chat", input=said)


def test_tool_choice_is_obeyed(client: openai.OpenAI) -> None:
    other: Any = {**LOOK, "name": "other"}
    named = client.responses.create(
        model="sim-chat",
        input="Hello",
        tools=[LOOK, other],
        tool_choice={"type": "function", "name": "other"},
    )
    none = client.responses.create(
        model="sim-chat", input="call a tool", tools=[LOOK], tool_choice="none"
    )
    single = client.responses.create(
        model="sim-chat",
        input="call two tools",
        tools=[LOOK],
        parallel_tool_calls=False,
    )
    allowed = client.responses.create(
        model="sim-chat",
        input="Hello",
        tools=[LOOK, other],
        tool_choice={
            "type": "allowed_tools",
            "mode": "required",
            "tools": [{"type": "function", "name": "other"}],
        },
    )
    custom = client.responses.create(
        model="sim-chat",
        input="call a tool",
        tools=[{"type": "web_search"}, {"type": "custom", "name": "shell"}],
    )

    assert [getattr(i, "name", None) for i in named.output] == ["other"]
    assert [item.type for item in none.output] == ["message"]
    assert len(single.output) == 1
    assert [getattr(i, "name", None) for i in allowed.output] == ["other"]
    assert [item.type for item in custom.output] == ["custom_tool_call"]


SAYING: JSON = {"type": "message", "role": "user"}
CALL: JSON = {
    "type": "function_call",
    "call_id": "call_1",
    "name": "look",
    "arguments": "{}",
}
RESULT: JSON = {"type": "function_call_output", "call_id": "call_1", "output": "4 C"}


@pytest.mark.parametrize(
    ("changes", "param", "code"),
    [
        ({"model": ""}, "model", "missing_required_parameter"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": 1}, "input", "invalid_type"),
        ({"input": ["a"]}, "input[0]", "invalid_type"),
        ({"input": [{"type": "b"}]}, "input[0].type", "invalid_value"),
        ({"input": [SAYING | {"role": "c"}]}, "input[0].role", "invalid_value"),
        ({"input": [SAYING]}, "input[0].content", "invalid_type"),
        (
            {"input": [SAYING | {"content": [{"type": "text", "text": "a"}]}]},
            "input[0].content[0].type",
            "invalid_value",
        ),
        (
            {"input": [SAYING | {"content": [{"type": "input_text"}]}]},
            "input[0].content[0].text",
            "missing_required_parameter",
        ),
        (
            {"input": [SAYING | {"content": [{"type": "input_image"}]}]},
            "input[0].content[0]",
            "invalid_value",
        ),
        (
            {
                "input": [
                    SAYING | {"content": [{"type": "input_file", "file_data": "a"}]}
                ]
            },
            "input[0].content[0].filename",
            "missing_required_parameter",
        ),
        ({"input": [CALL]}, "input", None),
        ({"input": [RESULT]}, "input", None),
        (
            {"input": [CALL | {"name": 1}]},
            "input[0].name",
            "missing_required_parameter",
        ),
        (
            {"input": [CALL | {"call_id": "c" * 65}]},
            "input[0].call_id",
            "string_above_max_length",
        ),
        ({"messages": []}, "messages", "unsupported_parameter"),
        ({"response_format": {}}, "response_format", "unsupported_parameter"),
        ({"stop": ["a"]}, "stop", "unknown_parameter"),
        ({"seed": 1}, "seed", "unknown_parameter"),
        (
            {"previous_response_id": "resp_1"},
            "previous_response_id",
            "previous_response_not_found",
        ),
        ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
        ({"max_output_tokens": "a"}, "max_output_tokens", "invalid_type"),
        ({"stream_options": {}}, "stream_options", None),
        (
            {"stream": True, "stream_options": {"include_usage": True}},
            "stream_options.include_usage",
            "unknown_parameter",
        ),
        ({"tools": [1]}, "tools[0].type", "missing_required_parameter"),
        (
            {"tools": [{"type": "function", "function": {"name": "look"}}]},
            "tools[0].name",
            "missing_required_parameter",
        ),
        (
            {"tools": [LOOK | {"parameters": {"properties": {"a": {}}}}]},
            "tools[0].parameters",
            None,
        ),
        ({"tool_choice": "required"}, "tool_choice", None),
        (
            {"tools": [LOOK], "tool_choice": {"type": "function", "name": "b"}},
            "tool_choice",
            None,
        ),
        ({"tools": [LOOK], "tool_choice": "any"}, "tool_choice", "invalid_value"),
        ({"text": {"format": {"type": "json_object"}}}, "input", None),
        (
            {"text": {"format": {"type": "json_schema", "json_schema": {}}}},
            "text.format.name",
            "missing_required_parameter",
        ),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_value"),
        ({"include": ["a"]}, "include[0]", "invalid_value"),
        ({"include": SEALED}, "include", None),
        ({"reasoning": {"effort": "a"}}, "reasoning.effort", "invalid_value"),
        ({"reasoning": {"summary": "a"}}, "reasoning.summary", "invalid_value"),
        ({"reasoning": 1}, None, None),
    ],
)
def test_what_openai_refuses_is_refused(
    http: httpx.Client, changes: JSON, param: str | None, code: str | None
) -> None:
    body = {"model": "sim-chat", "input": "Hello", **changes}

    response = http.post("/v1/responses", json=body)

    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert error["type"] == "invalid_request_error"


def test_an_unknown_key_and_an_unknown_model_are_refused(simulator: Simulator) -> None:
    with openai.OpenAI(
        base_url=f"{simulator.url}/v1", api_key="sk-invalid", max_retries=0
    ) as client:
        with pytest.raises(openai.AuthenticationError):
            client.responses.create(model="sim-chat", input="Hello")
        with pytest.raises(openai.NotFoundError):
            client.with_options(api_key="sk-any").responses.create(
                model="gpt-x", input="Hello"
            )


def test_an_error_may_come_midstream(http: httpx.Client) -> None:
    body = {"model": "sim-fault-error-midstream-5", "input": "Hello", "stream": True}

    *before, (name, error) = named_events(http.post("/v1/responses", json=body))

    assert len(before) == 5
    assert before[-1][0] == "response.output_text.delta"
    assert (name, error["type"]) == ("error", "error")
    assert error["code"] == "server_is_overloaded"


def test_a_stream_may_lack_its_end(http: httpx.Client) -> None:
    def names(fault: str) -> list[str]:
        body = {"model": f"sim-fault-{fault}", "input": "Hello", "stream": True}
        return [name for name, _ in named_events(http.post("/v1/responses", json=body))]

    assert names("no-done-finished")[-1] == "response.output_item.done"
    assert len(names("no-done-4")) == 4


@pytest.mark.parametrize("stream", [False, True])
def test_usage_may_be_missing(http: httpx.Client, stream: bool) -> None:
    body = {"model": "sim-fault-no-usage", "input": "Hello", "stream": stream}

    text = http.post("/v1/responses", json=body).text

    assert '"input_tokens"' not in text


def test_the_bench_model_streams_fifty_words(http: httpx.Client) -> None:
    body = {"model": "sim-bench", "input": "Hello", "stream": True}

    events = named_events(http.post("/v1/responses", json=body))

    assert [name for name, _ in events].count("response.output_text.delta") == 48
    assert events[-1][0] == "response.completed"


@pytest.mark.parametrize(
    "text", ["Hello there", "Please call a tool", "refuse to answer"]
)
def test_answers_and_counts_are_those_of_chat(
    simulator: Simulator, http: httpx.Client, text: str
) -> None:
    said = [{"role": "system", "content": "Be brief."}]
    said.append({"role": "user", "content": text})
    function = {"name": "look", "parameters": PLACE}
    chat = http.post(
        "/v1/chat/completions",
        json={
            "model": "sim-reasoning",
            "messages": said,
            "tools": [{"type": "function", "function": function}],
        },
    ).json()["choices"][0]["message"]
    output = http.post(
        "/v1/responses", json={"model": "sim-reasoning", "input": said, "tools": [LOOK]}
    ).json()["output"]

    _, last = output
    if last["type"] == "function_call":
        (call,) = chat["tool_calls"]
        assert last["arguments"] == call["function"]["arguments"]
    else:
        (part,) = last["content"]
        assert (part.get("text"), part.get("refusal")) == (
            chat["content"],
            chat["refusal"],
        )
    first, second = simulator.calls
    assert (first.protocol, second.protocol) == ("openai_chat", "openai_responses")
    assert first.prompt_tokens == second.prompt_tokens
    assert first.completion_tokens == second.completion_tokens
