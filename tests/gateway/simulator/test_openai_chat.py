import base64
import json
from typing import Any

import httpx
import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from gateway.simulator import Simulator

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello there"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer", "minimum": 2, "maximum": 5},
            },
            "required": ["city", "days"],
            "additionalProperties": False,
        },
    },
}
PLACE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "height": {"type": "number"}},
    "required": ["name", "height"],
    "additionalProperties": False,
}


def saying(text: str) -> list[ChatCompletionMessageParam]:
    return [{"role": "user", "content": text}]


def test_answers_the_same_question_with_the_same_words(client: openai.OpenAI) -> None:
    first, second = (
        client.chat.completions.create(model="sim-chat", messages=HELLO)
        for _ in range(2)
    )

    assert first.choices[0].message.content == second.choices[0].message.content
    assert "Hello there" in (first.choices[0].message.content or "")
    assert first.choices[0].finish_reason == "stop"
    assert first.id != second.id


def test_counts_a_quarter_of_the_characters_as_tokens(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="sim-chat", messages=HELLO)

    text = answer.choices[0].message.content or ""
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 3
    assert answer.usage.completion_tokens == -(-len(text) // 4)
    assert answer.usage.total_tokens == 3 + answer.usage.completion_tokens


def test_a_stream_says_what_the_plain_answer_says(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(model="sim-chat", messages=HELLO)

    with client.chat.completions.create(
        model="sim-chat", messages=HELLO, stream=True
    ) as stream:
        chunks = list(stream)

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == plain.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_reports_usage_only_when_asked(http: httpx.Client) -> None:
    body: dict[str, Any] = {"model": "sim-chat", "messages": HELLO, "stream": True}
    silent = events_of(http, body)
    asked = events_of(http, {**body, "stream_options": {"include_usage": True}})

    assert all("usage" not in event for event in silent)
    assert all(event["usage"] is None for event in asked[:-1])
    assert asked[-1]["choices"] == []
    assert asked[-1]["usage"]["prompt_tokens"] == 3


def events_of(http: httpx.Client, body: dict[str, Any]) -> list[dict[str, Any]]:
    text = http.post("/v1/chat/completions", json=body).text
    *events, done, rest = text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


@pytest.mark.asyncio
async def test_the_asynchronous_client_is_served_too(simulator: Simulator) -> None:
    async with openai.AsyncOpenAI(
        base_url=f"{simulator.url}/v1", api_key="sk-any"
    ) as client:
        stream = await client.chat.completions.create(
            model="sim-chat-events-5", messages=HELLO, stream=True
        )
        pieces = [chunk.choices[0].delta.content async for chunk in stream]

    assert sum(bool(piece) for piece in pieces) == 5


def test_calls_the_first_tool_and_then_uses_its_result(client: openai.OpenAI) -> None:
    messages = saying("Please call a tool.")

    first = client.chat.completions.create(
        model="sim-chat", messages=messages, tools=[WEATHER]
    )
    (call,) = first.choices[0].message.tool_calls or []
    assert first.choices[0].finish_reason == "tool_calls"
    assert call.type == "function"
    jsonschema.validate(
        json.loads(call.function.arguments), WEATHER["function"]["parameters"]
    )
    assistant: Any = first.choices[0].message.model_dump(exclude_none=True)
    messages += [assistant]
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "Sunny."}]
    second = client.chat.completions.create(
        model="sim-chat", messages=messages, tools=[WEATHER]
    )

    assert "Sunny." in (second.choices[0].message.content or "")
    assert second.choices[0].finish_reason == "stop"


def test_streams_the_arguments_of_parallel_tool_calls(client: openai.OpenAI) -> None:
    with client.chat.completions.stream(
        model="sim-chat", messages=saying("Call two tools!"), tools=[WEATHER]
    ) as stream:
        final = stream.get_final_completion()

    calls = final.choices[0].message.tool_calls or []
    assert len({call.id for call in calls}) == 2
    for call in calls:
        assert json.loads(call.function.arguments)["days"] == 2


@pytest.mark.parametrize(
    ("choice", "calls"),
    [
        ("none", 0),
        ("auto", 0),
        ("required", 1),
        ({"type": "function", "function": {"name": "get_weather"}}, 1),
    ],
)
def test_obeys_the_tool_choice(client: openai.OpenAI, choice: Any, calls: int) -> None:
    answer = client.chat.completions.create(
        model="sim-chat", messages=HELLO, tools=[WEATHER], tool_choice=choice
    )

    assert len(answer.choices[0].message.tool_calls or []) == calls


def test_json_mode_answers_with_an_object(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="sim-chat",
        messages=saying("Answer in JSON"),
        response_format={"type": "json_object"},
    )

    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_a_json_schema_is_satisfied(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="sim-chat",
        messages=HELLO,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "place", "schema": PLACE, "strict": True},
        },
    )

    jsonschema.validate(json.loads(answer.choices[0].message.content or ""), PLACE)


def test_stops_at_the_maximum_of_tokens(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="sim-chat", messages=HELLO, max_completion_tokens=5
    )

    assert len(answer.choices[0].message.content or "") == 20
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5


def test_stops_at_a_stop_sequence(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="sim-chat", messages=HELLO, stop=[", simulated"]
    )

    assert answer.choices[0].message.content == "This is sim-chat"
    assert answer.choices[0].finish_reason == "stop"


def test_gives_as_many_choices_as_asked_for(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="sim-chat", messages=HELLO, n=3)

    assert len({choice.message.content for choice in answer.choices}) == 3


def test_reasoning_tokens_count_as_completion_tokens(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="sim-reasoning", messages=HELLO)

    assert answer.usage is not None
    details = answer.usage.completion_tokens_details
    assert details is not None
    assert details.reasoning_tokens == 64
    assert answer.usage.completion_tokens > 64


def test_only_a_vision_model_takes_pictures(client: openai.OpenAI) -> None:
    picture = base64.b64encode(b"picture").decode()
    messages: list[ChatCompletionMessageParam] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {
                    "type": "image_url",
                    "image_url": {"url": f"data:image/png;base64,{picture}"},
                },
            ],
        }
    ]

    answer = client.chat.completions.create(model="sim-vision", messages=messages)
    with pytest.raises(openai.BadRequestError, match="only supported by certain"):
        client.chat.completions.create(model="sim-chat", messages=messages)

    assert "I see 1 image(s)" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 85 + 4


def test_a_refusal_is_an_answer_without_content(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="sim-chat", messages=saying("Please refuse to answer.")
    )

    assert answer.choices[0].message.content is None
    assert answer.choices[0].message.refusal
    assert answer.choices[0].finish_reason == "stop"


def test_unknown_fields_are_taken_and_kept_for_the_test(
    simulator: Simulator, client: openai.OpenAI
) -> None:
    client.chat.completions.create(
        model="sim-chat", messages=HELLO, extra_body={"surprise": [1]}
    )

    (call,) = simulator.calls
    assert call.body is not None
    assert call.body["surprise"] == [1]
    assert call.headers["authorization"] == "Bearer sk-any"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"messages": HELLO}, None, None),
        ({"model": "sim-chat"}, "messages", "missing_required_parameter"),
        ({"model": "sim-chat", "messages": []}, "messages", "empty_array"),
        ({"model": "sim-chat", "messages": "no"}, "messages", "invalid_type"),
        (
            {"model": "sim-chat", "messages": HELLO, "stream_options": {}},
            "stream_options",
            None,
        ),
        ({"model": "sim-chat", "messages": HELLO, "n": 0}, "n", "invalid_value"),
        (
            {
                "model": "sim-chat",
                "messages": HELLO,
                "response_format": {"type": "json_object"},
            },
            "messages",
            None,
        ),
        (
            {
                "model": "sim-chat",
                "messages": HELLO,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {
                        "name": "open",
                        "strict": True,
                        "schema": {"type": "object", "properties": {"a": {}}},
                    },
                },
            },
            "response_format",
            None,
        ),
    ],
)
def test_a_bad_request_is_refused_in_openais_shape(
    http: httpx.Client, body: dict[str, Any], param: str | None, code: str | None
) -> None:
    response = http.post("/v1/chat/completions", json=body)

    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert (error["param"], error["code"]) == (param, code)


def test_a_body_that_is_no_json_is_refused(http: httpx.Client) -> None:
    response = http.post("/v1/chat/completions", content=b"{")

    assert response.status_code == 400
    assert "parse the JSON body" in response.json()["error"]["message"]


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-unknown", messages=HELLO)

    assert caught.value.code == "model_not_found"


def test_the_invalid_key_is_refused(client: openai.OpenAI) -> None:
    stranger = client.with_options(api_key="sk-invalid")

    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model="sim-chat", messages=HELLO)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_lists_its_models(client: openai.OpenAI) -> None:
    names = {model.id for model in client.models.list()}

    assert {"sim-chat", "sim-bench", "sim-fault-stall"} <= names
    assert client.models.retrieve("sim-chat").owned_by == "simulator"
