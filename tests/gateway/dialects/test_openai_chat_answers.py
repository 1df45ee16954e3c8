"""What OpenAI's clients get back, whole and streamed, read by their own types."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.adapters import openai_chat as adapter
from gateway.canonical import (
    Began,
    ChatResult,
    Choice,
    Chunk,
    Citation,
    Cited,
    Ended,
    Finished,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    ToolArgumentsDelta,
    ToolCall,
    ToolCallBegan,
    Used,
)
from gateway.dialects import openai_chat
from usage.tokens import Tokens

TOKENS = Tokens(20, 9, cache_read=4, cache_write=2, reasoning=3, other={"audio_in": 1})
USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {
        "cached_tokens": 4,
        "cache_write_tokens": 2,
        "audio_tokens": 1,
    },
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
}
SOURCE = Citation("https://a.test", "A", "Cold.", 1, 3)
ANNOTATION = {
    "type": "url_citation",
    "url_citation": {
        "url": "https://a.test",
        "title": "A",
        "start_index": 1,
        "end_index": 3,
        "content": "Cold.",
    },
}
DONE = b"data: [DONE]\n\n"


def answer(*parts: Any, reason: Any = "stop", **fields: Any) -> Any:
    result = ChatResult(choices=(Choice(parts, reason),), **fields)
    body = openai_chat.build_response(result, "chatcmpl-1", 7, "m")
    ChatCompletion.model_validate_json(body, strict=True)
    return orjson.loads(body)


def message(*parts: Any) -> Any:
    return answer(*parts)["choices"][0]["message"]


def test_a_plain_answer_is_whole() -> None:
    assert answer(Text("Hi"), tokens=TOKENS, model="theirs", id="theirs") == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }


def test_usage_that_is_not_known_is_not_told() -> None:
    assert "usage" not in answer(Text("Hi"))


def test_calls_stand_without_content() -> None:
    parts = (ToolCall("a", "f", '{"a":1}'), ToolCall("b", "g", signature="s"))

    (choice,) = answer(*parts, reason="tool_calls")["choices"]

    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"] == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "f", "arguments": '{"a":1}'},
            },
            {
                "id": "b",
                "type": "function",
                "function": {"name": "g", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "s"}},
            },
        ],
    }


def test_refusals_sources_and_nothing_have_their_places() -> None:
    assert message(Refusal("No.")) == {
        "role": "assistant",
        "content": None,
        "refusal": "No.",
    }
    assert message() == {"role": "assistant", "content": "", "refusal": None}
    cited = answer(Text("It is cold."), citations=(SOURCE, Citation("https://b.test")))
    first, second = cited["choices"][0]["message"]["annotations"]
    assert first == ANNOTATION
    assert second["url_citation"]["start_index"] == 0


def test_reasoning_is_told_and_its_signature_kept() -> None:
    plain = Reasoning("Hm.", protocol="p")
    signed = Reasoning("Well.", signature="s", protocol="p")
    sealed = Reasoning(sealed="x", protocol="p")

    told = message(plain, Text("4"))
    assert told["reasoning_content"] == "Hm."
    assert "reasoning_details" not in told
    told = message(signed, sealed, Text("4"))
    assert told["reasoning_content"] == "Well."
    again = openai_chat.parse_request({"messages": [told]})
    assert again.messages[0].parts == (signed, sealed, Text("4"))


def test_each_choice_keeps_its_index_and_figures() -> None:
    logprobs: Any = {"content": [], "refusal": None}
    choices = (
        Choice((Text("a"),), "stop", 0, logprobs),
        Choice((Text("b"),), "length", 1),
    )

    body = openai_chat.build_response(ChatResult(choices=choices), "c", 7, "m")
    first, second = orjson.loads(body)["choices"]

    assert (first["index"], first["logprobs"]) == (0, logprobs)
    assert (second["index"], second["finish_reason"]) == (1, "length")


# Streams


def events(*chunks: Chunk, with_usage: bool = False, close: bool = True) -> list[Any]:
    """Return what the events carry, each as the client's own type accepts it."""
    builder = openai_chat.StreamBuilder("chatcmpl-1", 7, "m", with_usage=with_usage)
    stream = b"".join(map(builder.write, chunks))
    if close:
        stream += builder.close()
        assert stream.endswith(DONE)
        stream = stream.removesuffix(DONE)
    assert b"[DONE]" not in stream
    found = []
    for event in stream.split(b"\n\n")[:-1]:
        data = event.removeprefix(b"data: ")
        ChatCompletionChunk.model_validate_json(data, strict=True)
        found.append(orjson.loads(data))
    return found


def deltas(*chunks: Chunk) -> list[Any]:
    return [event["choices"][0]["delta"] for event in events(*chunks, close=False)]


ROLE = {"role": "assistant", "content": "", "refusal": None}


def test_a_stream_opens_with_the_role_and_ends_with_the_reason() -> None:
    def event(delta: Any, reason: Any = None) -> Any:
        return {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 7,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "delta": delta,
                    "logprobs": None,
                    "finish_reason": reason,
                }
            ],
        }

    chunks = (Began(), TextDelta('H"é'), Finished("length"), Used(TOKENS), Ended())

    assert events(*chunks) == [
        event(ROLE),
        event({"content": 'H"é'}),
        event({}, "length"),
    ]


def test_usage_comes_last_and_only_when_it_was_asked_for() -> None:
    chunks = (TextDelta("a"), Finished("stop"), Used(Tokens(1, 1)), Used(TOKENS))

    *before, last = events(*chunks, with_usage=True)

    assert [event["usage"] for event in before] == [None] * 3
    assert (last["choices"], last["usage"]) == ([], USAGE)
    assert all("usage" not in event for event in events(*chunks))
    assert events(TextDelta("a"), with_usage=True)[-1]["usage"] is None


def test_a_call_is_named_once() -> None:
    assert deltas(
        ToolCallBegan(0, "a", "f", signature="s"),
        ToolArgumentsDelta(0, '{"a":'),
        ToolArgumentsDelta(0, "1}"),
    ) == [
        ROLE,
        {
            "tool_calls": [
                {
                    "index": 0,
                    "id": "a",
                    "type": "function",
                    "function": {"name": "f", "arguments": ""},
                    "extra_content": {"google": {"thought_signature": "s"}},
                }
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]},
    ]


def test_each_choice_opens_with_the_role() -> None:
    found = events(Began(), TextDelta("a"), TextDelta("b", 1), Finished("stop", 1))

    assert [(e["choices"][0]["index"], e["choices"][0]["delta"]) for e in found] == [
        (0, ROLE),
        (0, {"content": "a"}),
        (1, ROLE),
        (1, {"content": "b"}),
        (1, {}),
        (0, {}),
    ]
    assert found[-1]["choices"][0]["finish_reason"] == "stop"


def test_figures_go_with_their_text() -> None:
    token: Any = {"token": "a", "logprob": -0.1, "bytes": None, "top_logprobs": []}
    logprobs: Any = {"content": [token], "refusal": None}

    found = events(TextDelta("a", 0, logprobs), close=False)

    assert found[1]["choices"][0]["logprobs"] == logprobs


def test_refusals_and_reasoning_are_told_as_they_come() -> None:
    assert deltas(
        RefusalDelta("No."),
        ReasoningDelta("H", protocol="p"),
        ReasoningDelta("m", protocol="p"),
        ReasoningDelta(signature="s", protocol="p"),
        ReasoningDelta(sealed="x", protocol="p"),
        ReasoningDelta(),
    ) == [
        ROLE,
        {"refusal": "No."},
        {"reasoning_content": "H"},
        {"reasoning_content": "m"},
        {
            "reasoning_details": [
                {
                    "type": "reasoning.text",
                    "format": "p",
                    "index": 0,
                    "text": "Hm",
                    "signature": "s",
                }
            ]
        },
        {
            "reasoning_details": [
                {
                    "type": "reasoning.encrypted",
                    "format": "p",
                    "index": 1,
                    "data": "x",
                }
            ]
        },
    ]


def test_the_clients_own_reader_puts_a_stream_together() -> None:
    state: Any = ChatCompletionStreamState()
    for event in events(
        Began(),
        ReasoningDelta("H", protocol="p"),
        ReasoningDelta("m", protocol="p"),
        ReasoningDelta(signature="s", protocol="p"),
        ReasoningDelta(sealed="x", protocol="p"),
        TextDelta("It is "),
        TextDelta("cold."),
        Cited(SOURCE),
        Cited(Citation("https://b.test")),
        ToolCallBegan(0, "a", "f"),
        ToolArgumentsDelta(0, '{"a":'),
        ToolCallBegan(1, "b", "g"),
        ToolArgumentsDelta(1, "{}"),
        ToolArgumentsDelta(0, "1}"),
        Finished("tool_calls"),
        Used(TOKENS),
        Ended(),
        with_usage=True,
    ):
        state.handle_chunk(ChatCompletionChunk.model_validate(event))

    completion = state.get_final_completion()

    told = completion.choices[0].message
    assert completion.choices[0].finish_reason == "tool_calls"
    assert completion.usage.total_tokens == 29
    assert told.content == "It is cold."
    assert [(c.id, c.function.name, c.function.arguments) for c in told.tool_calls] == [
        ("a", "f", '{"a":1}'),
        ("b", "g", "{}"),
    ]
    assert [a.url_citation.url for a in told.annotations] == [
        "https://a.test",
        "https://b.test",
    ]
    again = openai_chat.parse_request({"messages": [told.to_dict()]})
    assert again.messages[0].parts == (
        Reasoning("Hm", signature="s", protocol="p"),
        Reasoning(sealed="x", protocol="p"),
        Text("It is cold."),
        ToolCall("a", "f", '{"a":1}'),
        ToolCall("b", "g", "{}"),
    )


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
call_chunks = st.builds(
    lambda pieces: [
        ToolCallBegan(0, "a", "f"),
        *(ToolArgumentsDelta(0, piece) for piece in pieces),
    ],
    st.lists(texts, min_size=1, max_size=3),
)
streams = st.builds(
    lambda thoughts, said, refused, calls, reason, tokens: [
        Began("chatcmpl-1", "m"),
        *(ReasoningDelta(text, protocol="openai_chat") for text in thoughts),
        *(TextDelta(text) for text in said),
        *(RefusalDelta(text) for text in refused),
        *calls,
        Finished("tool_calls" if calls and reason == "stop" else reason),
        Used(tokens),
        Ended(),
    ],
    st.lists(texts, max_size=3),
    st.lists(texts, max_size=3),
    st.lists(texts, max_size=1),
    st.just([]) | call_chunks,
    st.sampled_from(["stop", "length", "content_filter", "tool_calls"]),
    st.builds(
        Tokens,
        input=st.integers(5, 9),
        output=st.integers(5, 9),
        cache_read=st.integers(0, 5),
    ),
)


@given(chunks=streams)
def test_a_stream_comes_back_as_it_went_out(chunks: list[Chunk]) -> None:
    builder = openai_chat.StreamBuilder("chatcmpl-1", 7, "m", with_usage=True)
    stream = b"".join(map(builder.write, chunks)) + builder.close()

    assert adapter.StreamParser().read(stream) == chunks


parts = st.builds(
    lambda thought, said, refused, calls: (*thought, *said, *refused, *calls),
    st.lists(
        st.builds(lambda text: Reasoning(text, protocol="openai_chat"), texts),
        max_size=1,
    ),
    st.lists(st.builds(Text, texts), max_size=1),
    st.lists(st.builds(Refusal, texts), max_size=1),
    st.lists(st.builds(ToolCall, texts, texts, texts, texts), min_size=1, max_size=3),
)


@given(parts=parts, tokens=st.none() | st.just(TOKENS))
def test_an_answer_comes_back_as_it_went_out(parts: Any, tokens: Tokens | None) -> None:
    result = ChatResult(
        id="chatcmpl-1",
        model="m",
        choices=(Choice(parts, "tool_calls"),),
        tokens=tokens,
        citations=(SOURCE,),
    )

    body = openai_chat.build_response(result, "chatcmpl-1", 7, "m")

    assert adapter.parse_result(body) == result


# What serving needs to know of a body, and what it says when it cannot be served.


def test_a_stream_and_its_usage_are_wanted_by_who_says_so() -> None:
    assert openai_chat.wants_stream({"stream": True})
    assert not openai_chat.wants_stream({"stream": None})
    assert openai_chat.wants_usage({"stream_options": {"include_usage": True}})
    assert not openai_chat.wants_usage({"stream_options": None})


def test_the_bound_counts_every_choice() -> None:
    assert openai_chat.max_output_tokens({"max_tokens": 5, "n": 2}) == 10
    assert openai_chat.max_output_tokens({"messages": []}) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (502, "server_error")],
)
def test_errors_have_the_shape_that_clients_know(status: int, kind: str) -> None:
    error = {"message": "No.", "type": kind, "param": "p", "code": "c"}

    body = openai_chat.build_error(status, "c", "No.", "p", {"approval_id": "a"})
    event = openai_chat.build_error_event(status, "c", "No.", "p")

    assert orjson.loads(body) == {"error": {**error, "approval_id": "a"}}
    assert orjson.loads(event.removeprefix(b"data: ")) == {"error": error}


def test_a_silent_stream_is_kept_alive_by_a_comment() -> None:
    assert openai_chat.KEEPALIVE.startswith(b":")
    assert openai_chat.KEEPALIVE.endswith(b"\n\n")
