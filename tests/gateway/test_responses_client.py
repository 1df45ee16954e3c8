"""OpenAI's client asking for responses, whatever protocol the provider speaks."""

import base64
import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import httpx
import openai
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel

from catalog.models import AIModel, Endpoint, Provider
from catalog.protocols import OPERATION_OF
from gateway.simulator import Simulator
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway

# Protocol: path of its endpoint, how it wants the credential.
PROTOCOLS = {
    "openai_responses": ("/v1/responses", "bearer"),
    "openai_chat": ("/v1/chat/completions", "bearer"),
    "anthropic_messages": ("/v1/messages", "header:x-api-key"),
    "gemini_generate": (
        "/v1beta/models/{model}:generateContent",
        "header:x-goog-api-key",
    ),
}
PIXEL = base64.b64encode(
    base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
        "awAAAABJRU5ErkJggg=="
    )
).decode()


def function(name: str) -> Any:
    return {
        "type": "function",
        "name": name,
        "description": f"The {name} of a place.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
            "additionalProperties": False,
        },
        "strict": True,
    }


TOOLS = [function("weather"), function("clock")]

Asked = Callable[[str], str]


@pytest.fixture(params=PROTOCOLS)
def asked(
    request: pytest.FixtureRequest, live: LiveGateway, upstream: Simulator
) -> Asked:
    """Offer a model of the simulator as a provider that speaks one protocol."""
    return partial(offered, live, upstream, request.param)


@pytest.fixture(params=[each for each in PROTOCOLS if each != "openai_responses"])
def translated(
    request: pytest.FixtureRequest, live: LiveGateway, upstream: Simulator
) -> Asked:
    """The same with a provider that does not speak Responses."""
    return partial(offered, live, upstream, request.param)


def offered(
    live: LiveGateway, upstream: Simulator, protocol: str, model_id: str
) -> str:
    pattern, auth = PROTOCOLS[protocol]
    provider: Provider = ProviderFactory.create(
        slug=protocol.replace("_", "-"),
        base_url=upstream.url,
        handler=protocol,
        auth=auth,
        allow_private_addresses=True,
    )
    operation = OPERATION_OF[protocol]
    EndpointFactory.create(provider=provider, pattern=pattern, operation=operation)
    CredentialFactory.create(provider=provider, value="sk-of-the-platform-123456")
    model: AIModel = AIModelFactory.create(
        provider=provider,
        model_id=model_id,
        operations=[operation],
        max_output_tokens=4096,
    )
    for component in ("input", "output"):
        PriceFactory.create(model=model, component=component, per_million=Decimal(1))
    live.caught_up()
    return f"{provider.slug}/{model_id}"


class Person(BaseModel):
    name: str
    age: int


def test_a_text_is_answered(client: openai.OpenAI, asked: Asked) -> None:
    answer = client.responses.create(
        model=asked("sim-chat"), instructions="Be brief.", input="Hello there"
    )

    assert answer.id.startswith("resp_")
    assert answer.status == "completed"
    assert "You wrote: Hello there" in answer.output_text
    assert answer.usage is not None
    assert answer.usage.total_tokens == (
        answer.usage.input_tokens + answer.usage.output_tokens
    )
    assert answer.usage.output_tokens > 0


def test_the_answer_repeats_what_was_asked_for(
    client: openai.OpenAI, translated: Asked
) -> None:
    answer = client.responses.create(
        model=translated("sim-chat"),
        input="Hello there",
        max_output_tokens=300,
        temperature=0.5,
        metadata={"ticket": "4711"},
        tools=TOOLS,
        tool_choice="none",
        parallel_tool_calls=False,
    )

    assert answer.max_output_tokens == 300
    assert answer.temperature == 0.5
    assert answer.metadata == {"ticket": "4711"}
    assert [tool.type for tool in answer.tools] == ["function", "function"]
    assert answer.tool_choice == "none"
    assert answer.parallel_tool_calls is False


def test_the_events_of_a_stream_come_in_the_order_of_the_protocol(
    client: openai.OpenAI, translated: Asked
) -> None:
    model = translated("sim-chat")

    whole = client.responses.create(model=model, input="Hello there")
    events: list[ResponseStreamEvent] = list(
        client.responses.create(model=model, input="Hello there", stream=True)
    )

    names = [event.type for event in events]
    deltas = [e for e in events if e.type == "response.output_text.delta"]
    assert names == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *(["response.output_text.delta"] * len(deltas)),
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert len(deltas) > 1
    assert [event.sequence_number for event in events] == list(range(len(events)))
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.usage is not None
    assert last.response.output_text == whole.output_text
    assert "".join(event.delta for event in deltas) == whole.output_text


def test_the_stream_helper_puts_the_answer_together(
    client: openai.OpenAI, asked: Asked
) -> None:
    with client.responses.stream(
        model=asked("sim-chat"), input="Hello there"
    ) as stream:
        snapshots = [
            event.snapshot
            for event in stream
            if event.type == "response.output_text.delta"
        ]
        final = stream.get_final_response()

    assert snapshots[-1] == final.output_text
    assert "You wrote: Hello there" in final.output_text


def test_a_bound_leaves_the_answer_incomplete(
    client: openai.OpenAI, translated: Asked
) -> None:
    model = translated("sim-chat")

    whole = client.responses.create(model=model, input="Hello", max_output_tokens=2)
    *_, last = client.responses.create(
        model=model, input="Hello", max_output_tokens=2, stream=True
    )

    assert whole.status == "incomplete"
    assert whole.incomplete_details is not None
    assert whole.incomplete_details.reason == "max_output_tokens"
    assert last.type == "response.incomplete"
    assert last.response.incomplete_details == whole.incomplete_details
    assert last.response.output[0].status == "incomplete"  # type: ignore[union-attr]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_structured_answer_is_parsed(
    client: openai.OpenAI, asked: Asked, streamed: bool
) -> None:
    model = asked("sim-chat")

    if streamed:
        with client.responses.stream(
            model=model, input="Hello", text_format=Person
        ) as stream:
            answer = stream.get_final_response()
    else:
        answer = client.responses.parse(model=model, input="Hello", text_format=Person)

    assert isinstance(answer.output_parsed, Person)


@pytest.mark.parametrize(
    ("words", "names"),
    [("call a tool", ["weather"]), ("call two tools", ["weather", "clock"])],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_tools_are_called(
    client: openai.OpenAI,
    asked: Asked,
    words: str,
    names: list[str],
    streamed: bool,
) -> None:
    model = asked("sim-chat")

    if streamed:
        with client.responses.stream(model=model, input=words, tools=TOOLS) as stream:
            answer = stream.get_final_response()
    else:
        answer = client.responses.parse(model=model, input=words, tools=TOOLS)

    calls = [item for item in answer.output if item.type == "function_call"]
    assert [call.name for call in calls] == names
    assert len({call.call_id for call in calls}) == len(calls)
    assert all("place" in json.loads(call.arguments) for call in calls)


@pytest.mark.parametrize("model_id", ["sim-chat", "sim-reasoning"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_conversation_goes_on_from_its_own_output(
    client: openai.OpenAI, asked: Asked, model_id: str, streamed: bool
) -> None:
    """Signatures come back as well: some providers refuse calls without them."""
    model = asked(model_id)
    items: Any = [{"role": "user", "content": "Please call two tools"}]
    told: Any = {
        "model": model,
        "tools": TOOLS,
        "reasoning": {"effort": "medium"},
        "store": False,
    }
    if model_id == "sim-reasoning":
        told["include"] = ["reasoning.encrypted_content"]

    if streamed:
        with client.responses.stream(input=items, **told) as stream:
            first: Any = stream.get_final_response()
    else:
        first = client.responses.create(input=items, **told)
    items += [item.model_dump(exclude_none=True) for item in first.output]
    items += [
        {
            "type": "function_call_output",
            "call_id": item.call_id,
            "output": "sunny in Oslo",
        }
        for item in first.output
        if item.type == "function_call"
    ]
    second = client.responses.create(input=items, **told)

    assert "sunny in Oslo" in second.output_text


@pytest.mark.parametrize("protocol", ["anthropic_messages", "gemini_generate"])
def test_a_conversation_goes_on_with_another_model(
    client: openai.OpenAI, live: LiveGateway, upstream: Simulator, protocol: str
) -> None:
    """What only the first model can read does not keep the second from answering."""
    first = offered(live, upstream, protocol, "sim-reasoning")
    second = offered(live, upstream, "openai_responses", "sim-reasoning")
    items: Any = [{"role": "user", "content": "Please call a tool"}]
    told: Any = {"tools": TOOLS, "reasoning": {"effort": "medium"}}

    answers = []
    for model in (first, second):
        answer = client.responses.create(model=model, input=items, **told)
        items += [item.model_dump(exclude_none=True) for item in answer.output]
        items += [
            {
                "type": "function_call_output",
                "call_id": item.call_id,
                "output": "sunny in Oslo",
            }
            for item in answer.output
            if item.type == "function_call"
        ]
        answers.append(answer)

    assert any(item.type == "reasoning" for item in answers[0].output)
    assert "sunny in Oslo" in answers[1].output_text
    relayed = upstream.calls[-1].body
    assert relayed is not None
    assert [item.get("type") for item in relayed["input"]] == [
        None,
        "function_call",
        "function_call_output",
    ]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_model_shows_what_it_thought(
    client: openai.OpenAI, asked: Asked, streamed: bool
) -> None:
    told: Any = {
        "model": asked("sim-reasoning"),
        "input": "Hello there",
        "reasoning": {"effort": "medium", "summary": "auto"},
        "max_output_tokens": 4000,
    }

    if streamed:
        with client.responses.stream(**told) as stream:
            answer: Any = stream.get_final_response()
    else:
        answer = client.responses.create(**told)

    assert answer.usage.output_tokens_details.reasoning_tokens > 0
    assert "You wrote: Hello there" in answer.output_text
    thoughts = [item for item in answer.output if item.type == "reasoning"]
    assert all(item.summary or item.encrypted_content for item in thoughts)


def test_a_picture_is_seen(
    client: openai.OpenAI, asked: Asked, upstream: Simulator
) -> None:
    content: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"},
    ]

    answer = client.responses.create(
        model=asked("sim-vision"), input=[{"role": "user", "content": content}]
    )

    (call,) = upstream.calls
    assert PIXEL in json.dumps(call.body)
    assert "You wrote: What is this?" in answer.output_text


@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_before_the_answer_is_raised(
    client: openai.OpenAI, asked: Asked, streamed: bool
) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        client.responses.create(
            model=asked("sim-fault-context"),
            input="Hello there",
            stream=streamed,
        )

    assert raised.value.status_code == 400


@pytest.mark.parametrize("kind", ["error-midstream-6-pace-20", "truncate-6-pace-20"])
def test_an_error_inside_the_stream_is_raised(
    client: openai.OpenAI, asked: Asked, kind: str
) -> None:
    events = client.responses.create(
        model=asked(f"sim-fault-{kind}"), input="Hello there", stream=True
    )

    seen = []
    with pytest.raises(openai.APIError) as raised:
        seen += [event.type for event in events]

    assert raised.value.code


def test_the_event_of_an_error_has_the_members_of_the_protocol(
    http: httpx.Client, asked: Asked
) -> None:
    body = {
        "model": asked("sim-fault-truncate-6"),
        "input": "Hello there",
        "stream": True,
    }

    text = http.post("/openai/v1/responses", json=body).text

    name, data = text.strip().split("\n\n")[-1].split("\n")
    event = json.loads(data.removeprefix("data: "))
    assert name == "event: error"
    assert event["type"] == "error"
    assert event["message"] == event["error"]["message"] != ""
    assert event["code"] == "upstream_bad_response"
    assert event["sequence_number"] > 4
    assert "response.completed" not in text


def test_what_openai_keeps_is_refused_with_what_to_do_instead(
    client: openai.OpenAI, translated: Asked, upstream: Simulator
) -> None:
    with pytest.raises(openai.BadRequestError) as raised:
        client.responses.create(
            model=translated("sim-chat"),
            input="And now?",
            previous_response_id="resp_1",
        )

    assert raised.value.param == "previous_response_id"
    assert "Send all that was said so far" in str(raised.value)
    assert upstream.calls == []


def test_what_has_no_counterpart_is_named(
    client: openai.OpenAI, translated: Asked
) -> None:
    raw = client.responses.with_raw_response.create(
        model=translated("sim-chat"),
        input="Hello there",
        tools=[{"type": "web_search"}],
        truncation="auto",
        store=True,
    )

    dropped = raw.headers["x-signalbox-dropped-params"].split(",")
    assert {*dropped} == {"tools.web_search", "truncation"}
    assert raw.parse().output_text


def test_chat_and_responses_of_one_model_count_alike(
    client: openai.OpenAI, asked: Asked
) -> None:
    model = asked("sim-chat")

    response = client.responses.create(model=model, input="Hello there")
    chat = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Hello there"}]
    )

    assert Endpoint.objects.count() == 1
    assert response.usage is not None
    assert chat.usage is not None
    assert response.output_text == chat.choices[0].message.content
    assert response.usage.input_tokens == chat.usage.prompt_tokens
    assert response.usage.output_tokens == chat.usage.completion_tokens
