"""The adapters of embeddings, images and moderation, without a network."""

import contextlib
import itertools
import json
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import (
    gemini_embeddings,
    openai_embeddings,
    openai_images,
    openai_moderation,
)
from gateway.adapters.openai_images import Cutter, StreamInspector
from gateway.operations import EmbeddingsRequest
from gateway.sse import EventTooLarge
from gateway.types import Quirks, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

PLAIN = Quirks()
ADAPTERS = [openai_embeddings, gemini_embeddings, openai_images, openai_moderation]
every_adapter = pytest.mark.parametrize(
    "adapter", ADAPTERS, ids=[adapter.NAME for adapter in ADAPTERS]
)
_NAMES = (  # noqa: SIM905
    "data embedding embeddings values index usage usageMetadata model error results "
    "prompt_tokens input_tokens output_tokens promptTokenCount message code"
).split()
anything: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def read(adapter: ModuleType, body: bytes) -> None:
    with contextlib.suppress(adapter.Unreadable):
        adapter.parse_response(body)
    if hasattr(adapter, "parse_result"):
        with contextlib.suppress(adapter.Unreadable):
            adapter.parse_result(body)
    adapter.error_code(body)


@every_adapter
@given(body=anything)
def test_no_reply_can_break_an_adapter(adapter: ModuleType, body: Any) -> None:
    read(adapter, json.dumps(body).encode())


@every_adapter
@given(body=st.binary())
def test_no_bytes_can_break_an_adapter(adapter: ModuleType, body: bytes) -> None:
    read(adapter, body)
    read(adapter, b'{"data":[{"embedding":' + body + b"}]}")


@every_adapter
@pytest.mark.parametrize("body", ["[]", "{}", '{"data":[]}', "x", "null", ""])
def test_an_answer_without_anything_in_it_is_unreadable(
    adapter: ModuleType, body: str
) -> None:
    with pytest.raises(adapter.Unreadable):
        adapter.parse_response(body.encode())


@every_adapter
def test_an_error_that_was_hidden_is_found(adapter: ModuleType) -> None:
    fault = adapter.parse_response(b'{"error":{"message":"No.","code":503}}')

    assert isinstance(fault, UpstreamFault)
    assert fault.message == "No."


def test_vectors_are_put_into_the_order_of_their_inputs() -> None:
    result = openai_embeddings.parse_result(
        b'{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}],'
        b'"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}'
    )

    assert result.vectors == ((1.0,), (2.0,))
    assert (result.model, result.tokens) == ("m", Tokens(input=3))


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[{"embedding":["x"]}]}',
        b'{"data":[{"embedding":[1e999]}]}',
        b'{"data":[{"embedding":"AAAA"}]}',
        b'{"data":[{}]}',
    ],
)
def test_vectors_of_anything_but_numbers_are_unreadable(body: bytes) -> None:
    with pytest.raises(openai_embeddings.Unreadable):
        openai_embeddings.parse_result(body)


def test_usage_that_is_not_reported_is_not_made_up() -> None:
    first = openai_embeddings.parse_response(b'{"data":[{"embedding":[1]}]}')
    second = gemini_embeddings.parse_response(b'{"embeddings":[{"values":[1]}]}')

    assert isinstance(first, UpstreamReply)
    assert isinstance(second, UpstreamReply)
    assert first.tokens is second.tokens is None


def test_google_may_tell_what_it_used() -> None:
    body = (
        b'{"embeddings":[{"values":[1]}],'
        b'"usageMetadata":{"promptTokenCount":7,"totalTokenCount":7}}'
    )

    reply = gemini_embeddings.parse_response(body)

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == gemini_embeddings.parse_result(body).tokens
    assert reply.tokens == Tokens(input=7)


def test_every_text_is_a_request_of_its_own_to_google() -> None:
    asked = EmbeddingsRequest(
        inputs=("a", "b"),
        dimensions=8,
        input_type="document",
        title="T",
        end_user="u",
        extra={"store": True},
        protocol="openai_embeddings",
    )

    body, dropped = gemini_embeddings.build_request(asked, "embed-1", PLAIN, None)

    assert body == {
        "requests": [
            {
                "content": {"parts": [{"text": text}]},
                "taskType": "RETRIEVAL_DOCUMENT",
                "title": "T",
                "outputDimensionality": 8,
                "model": "models/embed-1",
            }
            for text in ("a", "b")
        ]
    }
    assert dropped == ["end_user", "store"]


def test_openai_is_not_told_what_it_has_no_word_for() -> None:
    asked = EmbeddingsRequest(
        inputs=("a",),
        input_type="query",
        title="T",
        extra={"taskType": "X"},
        protocol="gemini_embeddings",
    )

    body, dropped = openai_embeddings.build_request(asked, "embed-1", PLAIN, None)

    assert body == {"model": "embed-1", "input": ["a"], "encoding_format": "float"}
    assert dropped == ["input_type", "title", "taskType"]


def test_quirks_of_a_provider_are_respected() -> None:
    asked = EmbeddingsRequest(inputs=("a",), dimensions=8, end_user="u")
    quirks = Quirks(
        frozenset({"user", "encoding_format"}), {"dimensions": "output_dimension"}
    )

    body, dropped = openai_embeddings.build_request(asked, "embed-1", quirks, None)

    assert body == {"model": "embed-1", "input": ["a"], "output_dimension": 8}
    assert dropped == ["end_user"]


def test_the_tokens_of_pictures_are_read() -> None:
    reply = openai_images.parse_response(
        b'{"data":[{}],"usage":{"input_tokens":9,"output_tokens":90,'
        b'"input_tokens_details":{"text_tokens":9,"image_tokens":0,"cached_tokens":4}}}'
    )

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == Tokens(input=9, output=90, cache_read=4)


@pytest.mark.parametrize(
    "usage",
    [
        "null",
        "{}",
        '{"input_tokens":0,"output_tokens":0}',
        '{"input_tokens":-1,"output_tokens":3}',
        '{"input_tokens":1,"output_tokens":1000000000000}',
    ],
)
def test_pictures_are_counted_when_their_tokens_cannot_be_true(usage: str) -> None:
    reply = openai_images.parse_response(
        f'{{"data":[{{}},{{}}],"usage":{usage}}}'.encode()
    )

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == Tokens(other={"image": 2})


EVENTS = (
    b'event: image_generation.partial_image\r\ndata: {"type":"image_generation.'
    b'partial_image","b64_json":"AAAA"}\r\n\r\n'
    b'data: {"type":"image_generation.completed","usage":{"input_tokens":3,'
    b'"output_tokens":5}}\n\n'
)


@given(st.lists(st.integers(0, len(EVENTS)), max_size=8))
def test_a_stream_of_pictures_may_be_cut_anywhere(places: list[int]) -> None:
    inspector, cutter = StreamInspector(hide_usage=True), Cutter(10)
    forward = b""
    bounds = [0, *sorted(places), len(EVENTS)]

    for begin, end in itertools.pairwise(bounds):
        forward += inspector.read(cutter.feed(EVENTS[begin:end])).forward
    forward += inspector.read(cutter.flush()).forward

    assert forward == EVENTS
    assert inspector.complete
    assert inspector.tokens == Tokens(input=3, output=5)


def test_an_error_in_a_stream_of_pictures_is_found() -> None:
    inspector = StreamInspector(hide_usage=True)

    notes = inspector.read(
        b'event: error\ndata: {"type":"error","error":{"code":"x","message":"No."}}\n\n'
    )

    assert notes.fault == UpstreamFault("x", "No.")
    assert inspector.tokens is None


def test_an_event_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.adapters.openai_images.frames._MAX_EVENT_BYTES", 100)
    cutter = Cutter(10)

    cutter.feed(b"data: " + b"x" * 90)

    with pytest.raises(EventTooLarge):
        cutter.feed(b"x" * 20)
