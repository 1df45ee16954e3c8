"""Cohere's chat, embeddings and rankings, asked for by the official client."""

import json
from collections.abc import Iterator
from typing import Any

import cohere
import httpx
import pytest

from gateway.simulator import Simulator, faults
from tests.gateway.simulator.reading import JSON, named_events

HELLO: list[Any] = [{"role": "user", "content": "Hello there"}]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}}
    for name in ("weather", "clock")
]
CALL = {"name": "weather", "arguments": '{"city":"Oslo"}'}
CALLED: list[Any] = [
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "tool_plan": "I will look.",
        "tool_calls": [{"id": "weather_1", "type": "function", "function": CALL}],
    },
    {
        "role": "tool",
        "tool_call_id": "weather_1",
        "content": [{"type": "document", "document": {"data": {"text": "4 C"}}}],
    },
]
DOCUMENTS = ["Bergen is rainy", "Oslo is the capital of Norway", "Trains are fast"]


@pytest.fixture
def asker(simulator: Simulator) -> Iterator[Any]:
    with httpx.Client() as http:
        yield cohere.ClientV2(
            "co-any", base_url=simulator.url, httpx_client=http, max_retries=0
        )


def test_a_question_is_answered(asker: Any, simulator: Simulator) -> None:
    reply = asker.chat(model="sim-chat", messages=HELLO)

    assert reply.finish_reason == "COMPLETE"
    assert reply.message.content is not None
    [text] = reply.message.content
    assert "You wrote: Hello there" in text.text
    assert reply.usage is not None
    assert reply.usage.billed_units is not None
    assert reply.usage.tokens is not None
    [call] = simulator.calls
    assert reply.usage.billed_units.input_tokens == call.prompt_tokens
    assert reply.usage.billed_units.output_tokens == call.completion_tokens
    assert reply.usage.tokens.input_tokens == call.prompt_tokens + 66


def test_a_streamed_answer_says_the_same(asker: Any) -> None:
    reply: Any = asker.chat(model="sim-chat", messages=HELLO)
    events: list[Any] = list(asker.chat_stream(model="sim-chat", messages=HELLO))

    said = [e.delta.message.content.text for e in events if e.type == "content-delta"]
    assert "".join(said) == reply.message.content[0].text
    assert [events[0].type, events[1].type] == ["message-start", "content-start"]
    assert events[-1].type == "message-end"
    assert events[-1].delta.usage == reply.usage


def test_two_tools_are_called_with_a_plan(asker: Any) -> None:
    asked: Any = [{"role": "user", "content": "call two tools"}]

    reply: Any = asker.chat(model="sim-chat", messages=asked, tools=TOOLS)
    events: list[Any] = list(
        asker.chat_stream(model="sim-chat", messages=asked, tools=TOOLS)
    )

    assert reply.finish_reason == "TOOL_CALL"
    assert reply.message.tool_plan == "I will call weather, clock."
    names = [call.function.name for call in reply.message.tool_calls]
    assert names == ["weather", "clock"]
    begun = [e.delta.message.tool_calls for e in events if e.type == "tool-call-start"]
    assert [call.function.name for call in begun] == names
    told = [
        e.delta.message.tool_calls.function.arguments
        for e in events
        if e.type == "tool-call-delta" and e.index == 1
    ]
    assert json.loads("".join(told)) == {"city": "city"}


def test_what_a_tool_said_is_cited(asker: Any) -> None:
    reply: Any = asker.chat(model="sim-chat", messages=CALLED, tools=TOOLS)
    events: list[Any] = list(
        asker.chat_stream(model="sim-chat", messages=CALLED, tools=TOOLS)
    )

    text = reply.message.content[0].text
    [citation] = reply.message.citations
    assert text[citation.start : citation.end] == citation.text == "4 C"
    assert citation.sources[0].id == "weather_1:0"
    [cited] = [e.delta.message.citations for e in events if e.type == "citation-start"]
    assert cited.sources[0].tool_output == {"text": "4 C"}


def test_a_model_that_reasons_thinks_unless_told_not_to(
    asker: Any,
) -> None:
    thinks: Any = asker.chat(model="sim-reasoning", messages=HELLO)
    rests: Any = asker.chat(
        model="sim-reasoning", messages=HELLO, thinking={"type": "disabled"}
    )

    kinds = [item.type for item in thinks.message.content]
    assert kinds == ["thinking", "text"]
    assert [item.type for item in rests.message.content] == ["text"]


def test_a_schema_is_satisfied_and_figures_are_told(asker: Any) -> None:
    made: Any = asker.chat(
        model="sim-chat",
        messages=HELLO,
        response_format={"type": "json_object", "json_schema": SCHEMA},
        logprobs=True,
    )

    assert json.loads(made.message.content[0].text) == {"city": "city"}
    assert "".join(each.text for each in made.logprobs) == '{"city":"city"}'


def test_texts_and_images_are_embedded(asker: Any) -> None:
    texts: Any = asker.embed(
        model="sim-chat",
        input_type="search_document",
        texts=["one", "two"],
        embedding_types=["float", "base64"],
        output_dimension=256,
    )
    image: Any = asker.embed(
        model="sim-chat",
        input_type="image",
        inputs=[{"content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
    )

    assert [len(vector) for vector in texts.embeddings.float_] == [256, 256]
    assert len(texts.embeddings.base64) == 2
    assert texts.meta.billed_units.input_tokens == 2
    assert image.meta.billed_units.images == 1


def test_documents_are_ranked(asker: Any) -> None:
    reply = asker.rerank(
        model="sim-chat", query="capital of Norway", documents=DOCUMENTS, top_n=2
    )

    assert reply.results[0].index == 1
    assert len(reply.results) == 2
    assert reply.meta is not None
    assert reply.meta.billed_units is not None
    assert reply.meta.billed_units.search_units == 1


def test_the_older_version_gives_documents_back(simulator: Simulator) -> None:
    with httpx.Client() as http:
        older = cohere.Client("co-any", base_url=simulator.url, httpx_client=http)
        reply = older.rerank(
            model="sim-chat",
            query="capital of Norway",
            documents=[{"text": text} for text in DOCUMENTS],
            return_documents=True,
            top_n=1,
        )

    [best] = reply.results
    assert best.document is not None
    assert best.document.text == DOCUMENTS[1]


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"n": 2}, 422, "unknown field"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "developer", "content": "a"}]}, 400, "role"),
        ({"messages": [*HELLO, {"role": "system", "content": "a"}]}, 400, "system"),
        ({"messages": [{"role": "user", "content": ""}]}, 400, "must have a message"),
        ({"messages": [CALLED[2]]}, 400, "tool call id not found"),
        ({"temperature": 1.5}, 400, "between 0 and 1"),
        ({"p": 1}, 400, "between 0.01 and 0.99"),
        ({"stop_sequences": list("abcdef")}, 400, "at most 5"),
        ({"frequency_penalty": 0.5, "presence_penalty": 0.5}, 400, "both"),
        ({"tool_choice": "REQUIRED"}, 400, "requires tools"),
        ({"tools": [{"type": "function", "function": {"name": "a-b"}}]}, 400, "name"),
        (
            {"tools": TOOLS, "response_format": {"type": "json_object"}},
            400,
            "not supported",
        ),
        (
            {"response_format": {"type": "json_object", "json_schema": {}}},
            400,
            "top level",
        ),
        ({"thinking": {"type": "adaptive"}}, 422, "thinking"),
    ],
)
def test_what_cohere_refuses_is_refused(
    http: httpx.Client, fields: JSON, status: int, words: str
) -> None:
    body = {"model": "sim-chat", "messages": HELLO} | fields

    response = http.post("/v2/chat", json=body)

    assert response.status_code == status
    assert words in response.json()["message"]


def test_an_image_needs_a_model_that_sees(http: httpx.Client) -> None:
    item = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    messages = [{"role": "user", "content": [item]}]

    seen, unseen = (
        http.post("/v2/chat", json={"model": model, "messages": messages})
        for model in ("sim-vision", "sim-chat")
    )

    assert seen.status_code == 200
    assert unseen.status_code == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v2/embed", {"model": "sim-embed", "texts": ["a"]}),
        (
            "/v2/embed",
            {
                "model": "sim-embed",
                "texts": ["a"] * 97,
                "input_type": "clustering",
            },
        ),
        ("/v2/rerank", {"model": "a", "query": " ", "documents": ["a"]}),
        ("/v2/rerank", {"model": "a", "query": "a", "documents": []}),
        ("/v2/rerank", {"model": "a", "query": "a", "documents": [{"text": "a"}]}),
        ("/v2/rerank", {"model": "a", "query": "a", "documents": [1]}),
    ],
)
def test_what_makes_no_sense_is_refused(
    http: httpx.Client, path: str, body: JSON
) -> None:
    response = http.post(path, json=body)

    assert response.status_code == 400
    assert response.json()["message"].startswith("invalid request")


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ("401", 401, "invalid api token"),
        ("429", 429, "calls / minute"),
        ("quota", 429, "calls / month"),
        ("context", 400, "too many tokens"),
        ("404", 404, "model"),
        ("500", 500, "internal server error"),
    ],
)
def test_an_error_is_a_message_and_an_id(
    http: httpx.Client, fault: str, status: int, words: str
) -> None:
    body = {"model": f"sim-fault-{fault}", "messages": HELLO}

    response = http.post("/v2/chat", json=body)

    assert response.status_code == status
    assert words in response.json()["message"]
    assert response.json()["id"] == response.headers["x-debug-trace-id"]


def test_a_stream_that_breaks_off_says_so_in_its_last_event(
    http: httpx.Client,
) -> None:
    body = {
        "model": "sim-fault-error-midstream",
        "messages": HELLO,
        "stream": True,
    }

    events = named_events(http.post("/v2/chat", json=body))

    name, ending = events[-1]
    assert name == "message-end"
    assert ending["delta"]["finish_reason"] == "ERROR"
    assert "overloaded" in ending["delta"]["error"]


def test_every_refusing_fault_is_told_in_every_operation(http: httpx.Client) -> None:
    bodies: dict[str, JSON] = {
        "/v2/chat": {"messages": HELLO},
        "/v2/embed": {"texts": ["a"], "input_type": "clustering"},
        "/v2/rerank": {"query": "a", "documents": ["a"]},
        "/v1/rerank": {"query": "a", "documents": ["a"]},
    }
    for kind in sorted(faults.KINDS):
        if (failure := faults.failure_of(kind, "")) is None:
            continue
        for path, body in bodies.items():
            response = http.post(path, json={"model": f"sim-fault-{kind}", **body})
            assert response.status_code == failure.status
            assert response.json()["message"]
