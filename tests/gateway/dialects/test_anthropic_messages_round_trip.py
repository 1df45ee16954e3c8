"""From the dialect through the gateway's words to the adapter of the same protocol."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import anthropic_messages as adapter
from gateway.canonical import Began, Ended
from gateway.dialects import anthropic_messages as dialect
from gateway.types import JSON, Quirks

MODEL = "claude-opus-4-6"
MARK = {"cache_control": {"type": "ephemeral"}}

texts = st.text("abc äß\n", min_size=1, max_size=8).filter(str.strip)
ids = st.text("abcXYZ019_-", min_size=1, max_size=8)
marks = st.sampled_from([{}, MARK])
inputs = st.dictionaries(texts, texts | st.integers(-9, 9) | st.none(), max_size=2)
sources = st.one_of(
    st.builds(lambda path: {"type": "url", "url": f"https://a.example/{path}"}, ids),
    st.builds(
        lambda data: {"type": "base64", "media_type": "image/png", "data": data}, ids
    ),
)


def block(**parts: Any) -> st.SearchStrategy[JSON]:
    made = st.fixed_dictionaries(
        {
            name: part if isinstance(part, st.SearchStrategy) else st.just(part)
            for name, part in parts.items()
        }
    )
    return st.builds(lambda body, mark: {**body, **mark}, made, marks)


said = block(type="text", text=texts)
image = block(type="image", source=sources)
document = block(
    type="document",
    title=texts,
    source=block(type="base64", media_type="application/pdf", data=ids).map(
        lambda source: {k: v for k, v in source.items() if k != "cache_control"}
    )
    | block(type="text", media_type="text/plain", data=texts).map(
        lambda source: {k: v for k, v in source.items() if k != "cache_control"}
    ),
)
result = block(
    type="tool_result",
    tool_use_id=ids,
    content=st.lists(said | image, min_size=1, max_size=2),
)
failed = block(
    type="tool_result",
    tool_use_id=ids,
    content=st.lists(said, min_size=1, max_size=1),
    is_error=True,
)
call = block(type="tool_use", id=ids, name=ids, input=inputs)
thought = st.fixed_dictionaries(
    {"type": st.just("thinking"), "thinking": texts, "signature": ids}
) | st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": ids})
users = st.builds(
    lambda results, rest: {"role": "user", "content": results + rest},
    st.lists(result | failed, max_size=2),
    st.lists(said | image | document, min_size=1, max_size=2),
)
assistants = st.builds(
    lambda content: {"role": "assistant", "content": content},
    st.lists(said | call | thought, min_size=1, max_size=3),
)
turns = st.lists(st.tuples(users, assistants), max_size=2)
tools = st.lists(
    block(
        name=ids,
        description=texts,
        input_schema={"type": "object", "properties": {"a": {"type": "string"}}},
    ),
    min_size=1,
    max_size=2,
)
members: dict[str, st.SearchStrategy[Any]] = {
    "system": st.lists(said, min_size=1, max_size=2),
    "temperature": st.floats(0, 1),
    "top_p": st.floats(0, 1),
    "top_k": st.integers(1, 99),
    "stop_sequences": st.lists(texts, min_size=1, max_size=2),
    "metadata": st.builds(lambda name: {"user_id": f"u{name}"}, ids),
    "service_tier": st.just("auto"),
    "stream": st.just(True),
    "output_config": st.just(
        {
            "format": {
                "type": "json_schema",
                "schema": {
                    "type": "object",
                    "properties": {"a": {"type": "string"}},
                    "additionalProperties": False,
                },
            }
        }
    ),
}


@given(
    earlier=turns,
    last=users,
    tools=tools,
    choice=st.sampled_from(
        [
            {"type": "auto"},
            {"type": "any"},
            {"type": "none"},
            {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        ]
    ),
    more=st.fixed_dictionaries({}, optional=members),
)
def test_a_request_comes_through_whole(
    earlier: list[tuple[JSON, JSON]],
    last: JSON,
    tools: list[JSON],
    choice: JSON,
    more: JSON,
) -> None:
    body = {
        "model": MODEL,
        "max_tokens": 100,
        "messages": [*(turn for pair in earlier for turn in pair), last],
        "tools": tools,
        "tool_choice": choice,
        **more,
    }

    request = dialect.parse_request(orjson.loads(orjson.dumps(body)))
    sent, dropped = adapter.build_request(request, MODEL, Quirks(), None)

    assert dropped == []
    assert unmarked(sent) == unmarked(body)


def unmarked(body: Any) -> Any:
    """Return the body without its cache marks: of many only four come through."""
    if isinstance(body, dict):
        return {
            name: unmarked(value)
            for name, value in body.items()
            if name != "cache_control"
        }
    return [unmarked(value) for value in body] if isinstance(body, list) else body


@pytest.mark.parametrize("marked", ["system", "tools", "messages"])
def test_a_cache_mark_comes_through(marked: str) -> None:
    body: JSON = {
        "system": [{"type": "text", "text": "a"}],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {}}}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "b"}]}],
    }
    holder = body[marked][0]
    (holder["content"][0] if marked == "messages" else holder).update(MARK)

    sent, _ = adapter.build_request(dialect.parse_request(body), MODEL, Quirks(), None)

    assert sent[marked] == body[marked]


blocks = st.lists(
    st.builds(
        lambda text: {"type": "text", "text": text, "citations": None},
        texts,
    )
    | st.fixed_dictionaries(
        {"type": st.just("tool_use"), "id": ids, "name": ids, "input": inputs}
    )
    | thought,
    max_size=4,
)


@given(
    content=blocks,
    ended=st.sampled_from(
        [("end_turn", None), ("stop_sequence", "END"), ("max_tokens", None)]
    ),
    figures=st.lists(st.integers(1, 1000), min_size=4, max_size=4),
)
def test_an_answer_comes_back_whole(
    content: list[JSON], ended: tuple[str, str | None], figures: list[int]
) -> None:
    answer = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": content,
        "stop_reason": ended[0],
        "stop_sequence": ended[1],
        "stop_details": None,
        "usage": {
            "input_tokens": figures[0],
            "cache_creation_input_tokens": figures[1],
            "cache_read_input_tokens": figures[2],
            "output_tokens": figures[3],
        },
    }

    result = adapter.parse_result(orjson.dumps(answer))

    built = dialect.build_response(result, "msg_1", 0, result.model)
    assert orjson.loads(built) == answer


@given(content=blocks)
def test_a_stream_comes_back_with_the_same_chunks(content: list[JSON]) -> None:
    builder = dialect.StreamBuilder("1", 0, MODEL, with_usage=True)
    chunks = adapter.StreamParser().read(streamed(content))

    written = b"".join(
        builder.close() if isinstance(chunk, Ended) else builder.write(chunk)
        for chunk in chunks
    )

    again = adapter.StreamParser().read(written)
    assert again[1:] == chunks[1:]
    assert again[0] == Began("msg_1", MODEL)


def streamed(content: list[JSON]) -> bytes:
    """Write the blocks as the provider streams them."""
    events: list[JSON] = [{"type": "message_start", "message": {"model": MODEL}}]
    for index, block in enumerate(content):
        start, deltas = opened(block)
        events.append(
            {"type": "content_block_start", "index": index, "content_block": start}
        )
        events += (
            {"type": "content_block_delta", "index": index, "delta": delta}
            for delta in deltas
        )
        events.append({"type": "content_block_stop", "index": index})
    finish = {"stop_reason": "end_turn", "stop_sequence": None}
    events += [
        {
            "type": "message_delta",
            "delta": finish,
            "usage": {"input_tokens": 3, "output_tokens": 4},
        },
        {"type": "message_stop"},
    ]
    return b"".join(
        f"event: {event['type']}\ndata: ".encode() + orjson.dumps(event) + b"\n\n"
        for event in events
    )


def opened(block: JSON) -> tuple[JSON, list[JSON]]:
    match block["type"]:
        case "text":
            delta = {"type": "text_delta", "text": block["text"]}
            return {"type": "text", "text": ""}, [delta]
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case "tool_use":
            text = orjson.dumps(block["input"]).decode()
            delta = {"type": "input_json_delta", "partial_json": text}
            return {**block, "input": {}}, [delta]
        case _:
            return block, []
