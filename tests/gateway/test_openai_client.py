"""The official OpenAI client, with nothing but its base URL and key changed."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from pydantic import BaseModel

from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.conftest import CREDENTIAL, Offer
from tests.gateway.live import LiveGateway

HELLO: Any = [{"role": "user", "content": "Hello there"}]

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}},
            "required": ["place"],
        },
    },
}
CLOCK: Any = {
    "type": "function",
    "function": {"name": "clock", "parameters": {"type": "object", "properties": {}}},
}

# What the contract promises of every answer, streamed or not, where no limit is set.
HEADERS = {
    "x-request-id",
    "x-signalbox-provider",
    "x-signalbox-model",
    "x-signalbox-alias",
    "x-signalbox-strategy",
    "x-signalbox-attempts",
    "x-signalbox-fallback",
    "x-signalbox-cache",
    "x-signalbox-overhead-ms",
    "x-signalbox-config-version",
}


def text_of(chunks: Iterable[ChatCompletionChunk]) -> str:
    return "".join(
        choice.delta.content or "" for chunk in chunks for choice in chunk.choices
    )


def test_a_chat_is_answered(
    client: openai.OpenAI, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    answer = client.chat.completions.create(model="fast", messages=HELLO)

    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0
    assert [call.model for call in upstream.calls] == ["sim-chat"]


def test_a_stream_says_the_same_as_a_whole_answer(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-chat")

    whole = client.chat.completions.create(model="fast", messages=HELLO)
    chunks = list(
        client.chat.completions.create(model="fast", messages=HELLO, stream=True)
    )

    assert text_of(chunks) == whole.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_usage_ends_a_stream_for_who_asks_for_it(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-chat")

    *chunks, last = client.chat.completions.create(
        model="fast",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )

    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens > 0
    assert all("usage" in chunk.model_fields_set for chunk in chunks)


def test_nothing_of_usage_shows_to_who_did_not_ask_for_it(
    client: openai.OpenAI, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    chunks = list(
        client.chat.completions.create(model="fast", messages=HELLO, stream=True)
    )

    assert all(chunk.choices for chunk in chunks)
    assert not any("usage" in chunk.model_fields_set for chunk in chunks)
    (call,) = upstream.calls
    assert call.body is not None
    assert call.body["stream_options"] == {"include_usage": True}


def test_other_stream_options_are_kept(
    client: openai.OpenAI, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    list(
        client.chat.completions.create(
            model="fast",
            messages=HELLO,
            stream=True,
            stream_options={"include_obfuscation": False},
        )
    )

    (call,) = upstream.calls
    assert call.body is not None
    assert call.body["stream_options"] == {
        "include_obfuscation": False,
        "include_usage": True,
    }


def test_the_asynchronous_client_works_as_well(
    live: LiveGateway, key: str, offer: Offer
) -> None:
    offer("sim-chat")

    async def ask() -> tuple[str | None, str]:
        async with openai.AsyncOpenAI(base_url=f"{live.url}/v1", api_key=key) as client:
            whole = await client.chat.completions.create(model="fast", messages=HELLO)
            stream = await client.chat.completions.create(
                model="fast", messages=HELLO, stream=True
            )
            return whole.choices[0].message.content, text_of(
                [chunk async for chunk in stream]
            )

    whole, streamed = asyncio.run(ask())

    assert whole
    assert whole == streamed


def test_a_hundred_asynchronous_requests_at_once_are_all_answered(
    live: LiveGateway, key: str, offer: Offer, project: Project
) -> None:
    offer("sim-chat")

    async def ask() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{live.url}/v1", api_key=key) as client:

            async def one(number: int) -> str | None:
                answer = await client.chat.completions.create(
                    model="fast", messages=[{"role": "user", "content": f"{number}"}]
                )
                return answer.choices[0].message.content

            return await asyncio.gather(*map(one, range(100)))

    answers = asyncio.run(ask())

    assert all(answers)
    assert len(live.events(project)) == 100


def test_a_tool_is_called_and_its_result_answered(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-chat")
    messages: Any = [{"role": "user", "content": "Please call a tool"}]

    first = client.chat.completions.create(
        model="fast", messages=messages, tools=[WEATHER]
    )
    message = first.choices[0].message
    assert message.tool_calls is not None
    (call,) = message.tool_calls
    assert call.type == "function"
    messages += [
        message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "Rain."},
    ]
    second = client.chat.completions.create(
        model="fast", messages=messages, tools=[WEATHER]
    )

    assert first.choices[0].finish_reason == "tool_calls"
    assert "place" in json.loads(call.function.arguments)
    assert second.choices[0].message.content


@pytest.mark.parametrize(
    ("words", "names"),
    [("call a tool", ["weather"]), ("call two tools", ["weather", "clock"])],
)
def test_streamed_tool_calls_arrive_whole(
    client: openai.OpenAI, offer: Offer, words: str, names: list[str]
) -> None:
    offer("sim-chat")

    with client.chat.completions.stream(
        model="fast",
        messages=[{"role": "user", "content": words}],
        tools=[WEATHER, CLOCK],
    ) as stream:
        final = stream.get_final_completion()

    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [call.function.name for call in calls] == names
    assert all(isinstance(json.loads(c.function.arguments), dict) for c in calls)


class Person(BaseModel):
    name: str
    age: int


def test_a_structured_answer_is_parsed(client: openai.OpenAI, offer: Offer) -> None:
    offer("sim-chat")

    answer = client.chat.completions.parse(
        model="fast", messages=HELLO, response_format=Person
    )

    assert isinstance(answer.choices[0].message.parsed, Person)


def test_a_structured_answer_is_parsed_from_a_stream(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-chat")

    with client.chat.completions.stream(
        model="fast", messages=HELLO, response_format=Person
    ) as stream:
        final = stream.get_final_completion()

    assert isinstance(final.choices[0].message.parsed, Person)


def test_a_raw_response_has_the_headers_of_the_contract(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-chat")

    raw = client.chat.completions.with_raw_response.create(model="fast", messages=HELLO)

    headers = raw.headers
    assert {*headers} >= {*HEADERS, "x-signalbox-cost-usd"}
    assert headers["x-signalbox-provider"] == "sim"
    assert headers["x-signalbox-model"] == "sim-chat"
    assert headers["x-signalbox-alias"] == "fast"
    assert headers["x-signalbox-strategy"] == "priority"
    assert headers["x-signalbox-attempts"] == "1"
    assert headers["x-signalbox-fallback"] == "false"
    assert headers["x-signalbox-cache"] == "bypass"
    assert headers["cache-control"] == "private, no-store"
    assert float(headers["x-signalbox-overhead-ms"]) > 0
    assert raw.parse().choices[0].message.content


def test_a_streamed_answer_has_the_headers_of_the_contract(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-chat")

    with client.chat.completions.with_streaming_response.create(
        model="fast", messages=HELLO, stream=True
    ) as response:
        text = "".join(response.iter_lines())

    assert {*response.headers} >= HEADERS
    assert "x-signalbox-cost-usd" not in response.headers
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "private, no-store"
    assert text.endswith("data: [DONE]")


def test_what_the_gateway_does_not_know_reaches_the_provider_untouched(
    client: openai.OpenAI, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    client.chat.completions.create(
        model="fast",
        messages=HELLO,
        n=2,
        stop=["END"],
        max_tokens=40,
        seed=7,
        temperature=0.25,
        logit_bias={"50256": -100},
        metadata={"ticket": "4711"},
        extra_body={"house_rule": {"deep": [1, 2.50, None, "ä\u2028😀"]}},
    )

    (call,) = upstream.calls
    assert call.body == {
        "model": "sim-chat",
        "messages": HELLO,
        "n": 2,
        "stop": ["END"],
        "max_tokens": 40,
        "seed": 7,
        "temperature": 0.25,
        "logit_bias": {"50256": -100},
        "metadata": {"ticket": "4711"},
        "house_rule": {"deep": [1, 2.5, None, "ä\u2028😀"]},
    }


def test_our_controls_do_not_reach_the_provider(
    client: openai.OpenAI, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    client.chat.completions.create(
        model="fast",
        messages=HELLO,
        extra_body={"models": ["fast"], "provider": {"order": ["sim"]}},
    )

    (call,) = upstream.calls
    assert call.body == {"model": "sim-chat", "messages": HELLO}


def test_the_provider_sees_its_own_credential_and_nothing_of_the_client(
    client: openai.OpenAI, key: str, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    client.chat.completions.create(
        model="fast",
        messages=HELLO,
        user="end-user",
        extra_headers={
            "cookie": "session=secret",
            "x-api-key": key,
            "x-forwarded-for": "10.0.0.1",
            "x-signalbox-user": "u1",
            "openai-organization": "org-client",
        },
    )

    (call,) = upstream.calls
    assert call.headers["authorization"] == f"Bearer {CREDENTIAL}"
    assert key not in str(call.headers)
    assert {*call.headers} == {
        "host",
        "authorization",
        "content-type",
        "content-length",
        "accept",
        "accept-encoding",
        "user-agent",
        "x-client-request-id",
    }


def test_the_provider_is_told_the_id_of_the_usage_event(
    client: openai.OpenAI,
    offer: Offer,
    upstream: Simulator,
    live: LiveGateway,
    project: Project,
) -> None:
    offer("sim-chat")

    raw = client.chat.completions.with_raw_response.create(model="fast", messages=HELLO)

    (call,) = upstream.calls
    (event,) = live.events(project)
    assert call.headers["x-client-request-id"] == str(event.id)
    assert raw.headers["x-request-id"] == str(event.request_id)


def test_models_are_listed_aliases_first(client: openai.OpenAI, offer: Offer) -> None:
    offer("sim-chat", name="smart")
    offer("sim-chat", "sim-reasoning", name="fast")

    models = client.models.list().data

    assert [model.id for model in models] == [
        "fast",
        "smart",
        "sim/sim-chat",
        "sim/sim-reasoning",
    ]
    assert models[0].object == "model"


@pytest.mark.parametrize("name", ["fast", "sim/sim-chat", "sim-chat"])
def test_a_model_is_retrieved_by_each_of_its_names(
    client: openai.OpenAI, offer: Offer, name: str
) -> None:
    offer("sim-chat")

    assert client.models.retrieve(name).id == name
    answer = client.chat.completions.create(model=name, messages=HELLO)
    assert answer.choices[0].message.content


def test_a_model_that_is_not_there_is_not_found(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-chat")

    with pytest.raises(openai.NotFoundError) as refused:
        client.models.retrieve("nowhere")

    assert refused.value.code == "model_not_found"
    assert refused.value.param == "model"


def test_the_mount_of_the_dialect_answers_too(
    live: LiveGateway, key: str, offer: Offer
) -> None:
    offer("sim-chat")

    with openai.OpenAI(base_url=f"{live.url}/openai/v1", api_key=key) as client:
        answer = client.chat.completions.create(model="fast", messages=HELLO)
        models = client.models.list()

    assert answer.choices[0].message.content
    assert models.data[0].id == "fast"
