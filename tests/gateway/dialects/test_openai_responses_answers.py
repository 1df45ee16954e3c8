"""Answers as OpenAI's Responses, whole and streamed."""

from typing import Any

import msgspec
import orjson
import pytest
from openai.types.responses import Response

from gateway.canonical import (
    Began,
    ChatRequest,
    ChatResult,
    Choice,
    Chunk,
    Citation,
    Cited,
    Finished,
    FinishReason,
    OutputFormat,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    Tool,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    ToolChoice,
    Used,
)
from gateway.dialects import openai_responses
from gateway.types import JSON, UpstreamReply
from usage.tokens import Tokens

TOKENS = Tokens(input=10, output=7, cache_read=4, cache_write=2, reasoning=3)
PROBABLY: JSON = {
    "content": [
        {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    ],
    "refusal": None,
}


def whole(
    *parts: Part, finish: FinishReason = "stop", **fields: Any
) -> tuple[JSON, Response]:
    choice = Choice(parts, finish, logprobs=fields.pop("logprobs", None))
    result = ChatResult(choices=(choice,), tokens=TOKENS, **fields)
    tree = orjson.loads(openai_responses.build_response(result, "a-1", 1000, "m"))
    return tree, Response.model_validate(tree)


def streamed(*chunks: Chunk) -> list[JSON]:
    builder = openai_responses.StreamBuilder("a-1", 1000, "m", with_usage=True)
    written = b"".join([*map(builder.write, chunks), builder.close()])
    events = []
    for event in written.decode().split("\n\n")[:-1]:
        name, data = event.split("\n")
        events.append(orjson.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def kinds(events: list[JSON]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text_is_a_message() -> None:
    tree, response = whole(Text("Hel"), Text("lo."))

    assert response.output_text == "Hello."
    assert tree["id"] == "resp_a1"
    assert tree["created_at"] == 1000
    assert tree["status"] == "completed"
    assert tree["completed_at"] >= 1000
    assert tree["usage"] == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 3},
        "total_tokens": 17,
    }
    (item,) = tree["output"]
    assert item["id"] == "msg_a10"
    assert item["content"] == [
        {
            "type": "output_text",
            "text": "Hello.",
            "annotations": [],
            "logprobs": [],
        }
    ]


def test_items_come_in_the_order_of_the_parts() -> None:
    tree, _ = whole(
        Reasoning("Hm.", "sig", protocol="anthropic_messages"),
        Text("Let me see."),
        Refusal("Or not."),
        ToolCall("call_1", "f", '{"a":1}'),
        ToolCall("", "g", signature="s"),
        finish="tool_calls",
    )

    assert [item["type"] for item in tree["output"]] == [
        "reasoning",
        "message",
        "function_call",
        "reasoning",
        "function_call",
    ]
    thought, message, call, _, last = tree["output"]
    assert thought["summary"] == [{"type": "summary_text", "text": "Hm."}]
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]
    assert call == {
        "id": "fc_a12",
        "type": "function_call",
        "status": "completed",
        "arguments": '{"a":1}',
        "call_id": "call_1",
        "name": "f",
    }
    assert last["call_id"] == "call_a13"
    assert tree["status"] == "completed"


@pytest.mark.parametrize(
    ("finish", "reason", "status"),
    [
        ("length", "max_output_tokens", "incomplete"),
        ("content_filter", "content_filter", "completed"),
    ],
)
def test_an_answer_that_stays_incomplete_says_why(
    finish: FinishReason, reason: str, status: str
) -> None:
    tree, _ = whole(Text("Hel"), finish=finish)
    *_, last = streamed(TextDelta("Hel"), Finished(finish))

    for response in (tree, last["response"]):
        assert response["status"] == "incomplete"
        assert response["incomplete_details"] == {"reason": reason}
        assert response["completed_at"] is None
        assert response["output"][-1]["status"] == status
    assert last["type"] == "response.incomplete"


def test_log_probabilities_belong_to_the_text() -> None:
    tree, _ = whole(Text("Hi"), logprobs=PROBABLY)
    events = streamed(TextDelta("Hi", logprobs=PROBABLY))

    assert tree["output"][0]["content"][0]["logprobs"] == PROBABLY["content"]
    (delta,) = [e for e in events if e["type"] == "response.output_text.delta"]
    (done,) = [e for e in events if e["type"] == "response.output_text.done"]
    assert delta["logprobs"] == done["logprobs"] == PROBABLY["content"]
    part = events[-1]["response"]["output"][0]["content"][0]
    assert part["logprobs"] == PROBABLY["content"]


def test_citations_annotate_the_text_they_point_into() -> None:
    unplaced = Citation("https://a.test")
    second = Citation("https://b.test", "B", start=6, end=8)

    tree, response = whole(
        Text("First."),
        ToolCall("call_1", "f"),
        Text("Second."),
        citations=(unplaced, second),
    )

    notes = [
        item["content"][0]["annotations"]
        for item in tree["output"]
        if item["type"] == "message"
    ]
    assert notes == [
        [note("https://a.test", "", 0, 0)],
        [note("https://b.test", "B", 0, 2)],
    ]
    assert response.output[0].type == "message"


def note(url: str, title: str, start: int, end: int) -> JSON:
    return {
        "type": "url_citation",
        "url": url,
        "title": title,
        "start_index": start,
        "end_index": end,
    }


def test_citations_of_a_stream_wait_for_its_text() -> None:
    early, late = (
        Citation("https://a.test"),
        Citation("https://b.test", "B", start=0, end=5),
    )

    events = streamed(Cited(early), TextDelta("Hello"), Cited(late), Finished("stop"))

    added = [e for e in events if e["type"].endswith("annotation.added")]
    assert [event["annotation_index"] for event in added] == [0, 1]
    assert events[-1]["response"]["output"][0]["content"][0]["annotations"] == [
        note("https://a.test", "", 0, 0),
        note("https://b.test", "B", 0, 5),
    ]


def test_a_text_streams_in_the_order_of_the_protocol() -> None:
    events = streamed(
        Began("x", "m", Tokens(input=10)),
        TextDelta("Hel"),
        TextDelta("lo."),
        Finished("stop"),
        Used(TOKENS),
    )

    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[0]["response"]["status"] == "in_progress"
    assert events[0]["response"]["output"] == []
    assert events[6]["text"] == "Hello."
    assert events[-1]["response"]["usage"]["total_tokens"] == 17
    assert events[-1]["response"]["output"] == [events[-2]["item"]]


def test_reasoning_streams_as_a_summary_and_ends_with_its_signature() -> None:
    events = streamed(
        ReasoningDelta("Hm, ", protocol="anthropic_messages"),
        ReasoningDelta("yes.", protocol="anthropic_messages"),
        ReasoningDelta(signature="sig", protocol="anthropic_messages"),
        ReasoningDelta(sealed="opaque", protocol="anthropic_messages"),
        TextDelta("Hello."),
    )

    assert kinds(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    output = events[-1]["response"]["output"]
    assert output[0]["summary"] == [{"type": "summary_text", "text": "Hm, yes."}]
    assert output[1]["summary"] == []


def test_a_refusal_streams_as_one() -> None:
    events = streamed(TextDelta("Well."), RefusalDelta("No"), RefusalDelta(", thanks."))

    assert kinds(events)[3:] == [
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [e["content_index"] for e in events if "content_index" in e] == [0] * 4 + (
        [1] * 5
    )
    content = events[-1]["response"]["output"][0]["content"]
    assert content[1] == {"type": "refusal", "refusal": "No, thanks."}


def test_a_call_ends_when_the_next_begins_and_its_arguments_are_whole() -> None:
    events = streamed(
        ToolCallBegan(0, "call_1", "f"),
        ToolArgumentsDelta(0, '{"a":'),
        ToolArgumentsDelta(0, "1}"),
        ToolCallBegan(1, "call_2", "g"),
        Finished("tool_calls"),
    )

    assert kinds(events)[2:] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    first, second = events[-1]["response"]["output"]
    assert (first["name"], first["arguments"]) == ("f", '{"a":1}')
    assert (second["name"], second["arguments"]) == ("g", "{}")


def test_calls_may_be_written_at_the_same_time() -> None:
    events = streamed(
        ToolCallBegan(0, "call_1", "f"),
        ToolArgumentsDelta(0, '{"a"'),
        ToolCallBegan(1, "call_2", "g"),
        ToolArgumentsDelta(1, '{"b"'),
        ToolArgumentsDelta(0, ":1}"),
        ToolArgumentsDelta(1, ":2}"),
        ToolArgumentsDelta(2, "nobody's"),
    )

    output = events[-1]["response"]["output"]
    assert [item["arguments"] for item in output] == ['{"a":1}', '{"b":2}']


def test_an_answer_without_a_word_is_an_answer() -> None:
    assert kinds(streamed()) == ["created", "in_progress", "completed"]
    assert kinds(streamed(Finished("stop"))) == ["created", "in_progress", "completed"]
    assert whole()[0]["output"] == []


def test_further_choices_are_left_out() -> None:
    first, second = Choice((Text("a"),), "stop"), Choice((Text("b"),), "stop", index=1)
    result = ChatResult(choices=(second, first))
    tree = orjson.loads(openai_responses.build_response(result, "a", 0, "m"))
    events = streamed(TextDelta("b", choice=1), TextDelta("a"))

    for response in (tree, events[-1]["response"]):
        (item,) = response["output"]
        assert item["content"][0]["text"] == "a"
    assert tree["usage"] is None


def test_the_answer_says_what_was_asked_for() -> None:
    request = ChatRequest(
        messages=(),
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        tools=(Tool("f", "d", {"type": "object"}, strict=True),),
        tool_choice=ToolChoice("named", "f"),
        parallel_tool_calls=False,
        output_format=OutputFormat("json_schema", "n", {"type": "object"}, strict=True),
        effort="low",
        end_user="u1",
        metadata={"ticket": "4711"},
    )
    result = ChatResult(choices=(Choice((Text("{}"),), "stop"),))
    reply = UpstreamReply(b"", None)

    built = openai_responses.build_reply(reply, request, result, "a", 0, "m")
    builder = openai_responses.StreamBuilder(
        "a", 0, "m", with_usage=True, request=request
    )
    first = builder.write(Began()).split(b"\n")[1].removeprefix(b"data: ")

    for response in (orjson.loads(built.body), orjson.loads(first)["response"]):
        Response.model_validate(response)
        assert response["max_output_tokens"] == 9
        assert response["temperature"] == 0.5
        assert response["tools"][0]["name"] == "f"
        assert response["tool_choice"] == {"type": "function", "name": "f"}
        assert response["parallel_tool_calls"] is False
        assert response["text"]["format"]["schema"] == {"type": "object"}
        assert response["reasoning"]["effort"] == "low"
        assert response["safety_identifier"] == "u1"
        assert response["metadata"] == {"ticket": "4711"}


def test_an_error_has_openais_shape() -> None:
    error = orjson.loads(openai_responses.build_error(429, "c", "m", "p", {"a": 1}))

    assert error["error"] == {
        "message": "m",
        "type": "rate_limit_error",
        "param": "p",
        "code": "c",
        "a": 1,
    }


def test_the_event_of_an_error_can_be_read_both_ways() -> None:
    event = openai_responses.build_error_event(502, "upstream_error", "Gone.")

    name, data = event.decode().strip().split("\n")
    told = orjson.loads(data.removeprefix("data: "))
    assert name == "event: error"
    assert told["type"] == "error"
    assert told["code"] == told["error"]["code"] == "upstream_error"
    assert told["message"] == told["error"]["message"] == "Gone."
    assert told["error"]["type"] == "server_error"
    assert type(told["sequence_number"]) is int


def test_items_of_ours_are_taken_out_of_what_openai_gets() -> None:
    tree, _ = whole(
        Reasoning("Hm.", protocol="anthropic_messages"),
        ToolCall("call_1", "f", signature="s"),
        finish="tool_calls",
    )
    own = {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}

    kept = openai_responses.without_ours([*tree["output"], own])

    assert [item["type"] for item in kept] == ["function_call", "reasoning"]
    assert kept[-1] == own


def test_a_result_is_not_changed_by_being_told() -> None:
    result = ChatResult(choices=(Choice((Text("a"),), "stop", logprobs=PROBABLY),))
    before = msgspec.json.encode(result)

    openai_responses.build_response(result, "a", 0, "m")

    assert msgspec.json.encode(result) == before
