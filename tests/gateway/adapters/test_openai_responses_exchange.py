"""What the adapter writes is accepted, and what comes back is understood."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import orjson
import pytest

from gateway.adapters import openai_responses
from gateway.canonical import (
    ChatRequest,
    ChatResult,
    Chunk,
    Cited,
    File,
    Finished,
    Image,
    Message,
    OutputFormat,
    Reasoning,
    ReasoningDelta,
    Text,
    TextDelta,
    Tool,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    ToolResult,
    Used,
)
from gateway.simulator import Simulator, serve
from gateway.types import Quirks, UpstreamReply

# A name that both sides take for a model that reasons.
MODEL = "gpt-6-reasoning"
LOOK = Tool("look", parameters={"type": "object", "properties": {}})


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with serve(any_model=True) as simulator:
        yield simulator


def posted(
    simulator: Simulator, *messages: Message, model: str = MODEL, **fields: Any
) -> bytes:
    request = ChatRequest(messages=messages, **fields)
    body, _ = openai_responses.build_request(request, model, Quirks(), None)
    reply = httpx.post(f"{simulator.url}/v1/responses", content=orjson.dumps(body))
    assert reply.status_code == 200, reply.text
    return reply.content


def asked(simulator: Simulator, *messages: Message, **fields: Any) -> ChatResult:
    body = posted(simulator, *messages, **fields)
    reply = openai_responses.parse_response(body)
    assert isinstance(reply, UpstreamReply)
    result = openai_responses.parse_result(body)
    assert result.tokens == reply.tokens
    return result


def user(*parts: Any) -> Message:
    return Message("user", tuple(Text(p) if isinstance(p, str) else p for p in parts))


def test_a_conversation_with_tools_and_sealed_reasoning_goes_on(
    simulator: Simulator,
) -> None:
    system = Message("system", (Text("Be brief."),))
    question = user("Please call two tools")

    first = asked(simulator, system, question, tools=(LOOK,), thinking_budget=2000)
    thought, *calls = first.choices[0].parts
    results = [ToolResult(c.id, (Text("4 C"),)) for c in calls if type(c) is ToolCall]
    second = asked(
        simulator,
        system,
        question,
        Message("assistant", first.choices[0].parts),
        user(*results),
        tools=(LOOK,),
    )

    assert isinstance(thought, Reasoning)
    assert thought.sealed
    assert thought.text.startswith("The request is about")
    assert len(results) == 2
    assert first.choices[0].finish_reason == "tool_calls"
    _, said = second.choices[0].parts
    assert isinstance(said, Text)
    assert "The tool said: 4 C." in said.text


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Hello there", {}),
        ("Hello there", {"thinking_budget": 2000}),
        ("Please call two tools", {"tools": (LOOK,)}),
        ("refuse to answer", {}),
        ("Any", {"output_format": OutputFormat("json_object")}),
        ("Hello there", {"max_output_tokens": 70}),
    ],
)
def test_a_stream_says_what_the_plain_answer_says(
    simulator: Simulator, text: str, fields: dict[str, Any]
) -> None:
    plain = asked(simulator, user(text), **fields)
    stream = posted(simulator, user(text), **fields, stream=True)

    chunks = openai_responses.StreamParser().read(stream)

    (choice,) = plain.choices
    texts = [part.text for part in choice.parts if isinstance(part, Text)]
    thoughts = [part.text for part in choice.parts if isinstance(part, Reasoning)]
    calls = [part for part in choice.parts if isinstance(part, ToolCall)]
    assert said(chunks, TextDelta) == "".join(texts)
    assert said(chunks, ReasoningDelta) == "".join(thoughts)
    assert said(chunks, ToolArgumentsDelta) == "".join(c.arguments for c in calls)
    assert len([c for c in chunks if isinstance(c, ToolCallBegan)]) == len(calls)
    assert Finished(choice.finish_reason) in chunks
    assert plain.tokens is not None
    assert Used(plain.tokens) in chunks


def said(chunks: list[Chunk], kind: type[Any]) -> str:
    return "".join(chunk.text for chunk in chunks if isinstance(chunk, kind))


def test_everything_that_can_be_said_is_accepted(simulator: Simulator) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    result = asked(
        simulator,
        Message("system", (Text("Be brief.", cached=True),)),
        user(
            "Look",
            Image(url="https://a.test/b.png"),
            Image(data="iVBORw0KGgo=", media_type="image/png", detail="high"),
            File(data="AA==", media_type="application/pdf"),
        ),
        model="gpt-5.6-vision",
        max_output_tokens=1,
        temperature=0.5,
        effort="high",
        logprobs=1,
        end_user="ada",
        metadata={"a": "b"},
        tools=(msgspec.structs.replace(LOOK, strict=True),),
        parallel_tool_calls=False,
        output_format=OutputFormat("json_schema", "a b", schema, strict=True),
        protocol="openai_chat",
        extra={"verbosity": "low", "service_tier": "auto", "web_search_options": {}},
    )

    assert result.choices[0].finish_reason in {"stop", "length"}


def test_perplexity_is_asked_in_its_own_words(simulator: Simulator) -> None:
    quirks = Quirks(
        rename_params={"text": "response_format"},
        drop_params=frozenset({"temperature", "metadata", "safety_identifier"}),
    )
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    request = ChatRequest(
        messages=(Message("system", (Text("Be brief."),)), user("Hello")),
        temperature=0.1,
        thinking_budget=2000,
        metadata={"a": "b"},
        end_user="ada",
        output_format=OutputFormat("json_schema", "a", schema),
        stream=True,
    )
    body, dropped = openai_responses.build_request(
        request, "openai/gpt-6-sol", quirks, None
    )
    body["tools"] = [{"type": "web_search"}]

    reply = httpx.post(f"{simulator.url}/v1/agent", content=orjson.dumps(body))

    assert reply.status_code == 200, reply.text
    chunks = openai_responses.StreamParser().read(reply.content)
    assert said(chunks, TextDelta) == '{"a":"a"}'
    sources = [chunk.citation for chunk in chunks if isinstance(chunk, Cited)]
    assert [(source.title, source.end) for source in sources] == [
        ("Page 1", -1),
        ("Page 2", -1),
        ("Page 1", 4),
    ]
    used = next(chunk.tokens for chunk in chunks if isinstance(chunk, Used))
    assert used.other == {"search": 1}
    assert used.cost_usd is not None
    assert sorted(dropped) == ["end_user", "metadata", "temperature"]
