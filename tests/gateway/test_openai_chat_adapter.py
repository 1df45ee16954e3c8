"""No answer of a provider breaks the adapter, and no cut of a stream changes it."""

import contextlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import openai_chat
from gateway.sse import EventCutter
from gateway.types import Quirks, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=10)
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)
names = st.sampled_from(
    [
        "choices",
        "usage",
        "model",
        "error",
        "delta",
        "finish_reason",
        "message",
        "code",
        "prompt_tokens",
        "completion_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "cached_tokens",
        "reasoning_tokens",
        "param",
        "type",
    ]
)
likely = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
    ),
    max_leaves=15,
)
answers = st.dictionaries(names, likely | anything, max_size=6)


@given(body=st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_an_answer(body: bytes) -> None:
    with contextlib.suppress(openai_chat.Unreadable):
        openai_chat.parse_response(body)
    openai_chat.error_code(body)


@given(answer=answers | anything)
def test_no_json_breaks_the_reading_of_an_answer(answer: Any) -> None:
    body = json.dumps(answer).encode()

    with contextlib.suppress(openai_chat.Unreadable):
        reply = openai_chat.parse_response(body)
        if isinstance(reply, UpstreamReply):
            assert reply.body == body
            check(reply.tokens, reply.reported_model)
    fault = openai_chat.error_code(body)
    assert len(fault.code) <= 64
    assert fault.code.isprintable()
    assert len(fault.message) <= 1000


@given(events=st.lists(answers | anything, max_size=5), hide=st.booleans())
def test_no_event_breaks_the_reading_of_a_stream(events: list[Any], hide: bool) -> None:
    inspector = openai_chat.StreamInspector(hide_usage=hide)

    with contextlib.suppress(openai_chat.Unreadable):
        for event in events:
            inspector.read(b"data: " + json.dumps(event).encode() + b"\n\n")

    check(inspector.tokens, inspector.reported_model)


@given(piece=st.binary(max_size=200), hide=st.booleans())
def test_no_bytes_break_the_reading_of_a_stream(piece: bytes, hide: bool) -> None:
    inspector = openai_chat.StreamInspector(hide_usage=hide)

    with contextlib.suppress(openai_chat.Unreadable):
        inspector.read(piece)
        inspector.started = True
        inspector.read(b"data: " + piece + b"\n\n")


def check(tokens: Tokens | None, reported_model: str) -> None:
    """Fail on what the table of events would not take."""
    assert reported_model.isprintable()
    if tokens is None:
        return
    figures = [
        tokens.input,
        tokens.output,
        tokens.cache_read,
        tokens.cache_write,
        tokens.reasoning,
        *tokens.other.values(),
    ]
    assert all(type(figure) is int and 0 <= figure <= 10**8 for figure in figures)
    assert tokens.cache_read + tokens.cache_write <= tokens.input
    assert tokens.reasoning <= tokens.output


# Any cut of a valid stream

contents = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@st.composite
def chunks(draw: st.DrawFn) -> list[bytes]:
    """The data of a stream that comes to a proper end."""
    compact = draw(st.booleans())
    separators = (",", ":") if compact else (", ", ": ")
    tail: dict[str, Any] = {"usage": None} if draw(st.booleans()) else {}

    def data(tree: dict[str, Any]) -> bytes:
        return json.dumps(tree, separators=separators).encode()

    def delta(content: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": content, "finish_reason": reason}
        return data({"id": "c", "model": "m", "choices": [choice], **tail})

    found = [delta({"role": "assistant", "content": ""})]
    found += [delta({"content": text}) for text in draw(st.lists(contents, max_size=4))]
    found.append(delta({}, "stop"))
    usage = {
        "prompt_tokens": draw(st.integers(1, 99)),
        "completion_tokens": draw(st.integers(0, 99)),
    }
    if draw(st.booleans()):
        found.append(data({"id": "c", "model": "m", "choices": [], "usage": usage}))
    return [*found, b"[DONE]"]


def read_through(
    pieces: list[bytes], *, hide: bool
) -> tuple[bytes, Tokens | None, bool]:
    """Return what is passed on of a stream that arrives in these pieces."""
    cutter = EventCutter(10_000)
    inspector = openai_chat.StreamInspector(hide_usage=hide)
    forwarded, is_done = b"", False
    for piece in pieces:
        notes = inspector.read(cutter.feed(piece))
        assert notes.fault is None
        forwarded += notes.forward
        is_done = is_done or notes.is_done
    notes = inspector.read(cutter.flush())
    return forwarded + notes.forward, inspector.tokens, is_done or notes.is_done


@given(
    chunks=chunks(),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    comment=st.sampled_from([b"", b": ping"]),
    hide=st.booleans(),
)
def test_every_cut_of_a_stream_passes_on_the_same_bytes(
    chunks: list[bytes], end: bytes, comment: bytes, hide: bool
) -> None:
    before = comment + end + end if comment else b""
    stream = b"".join(before + b"data: " + chunk + end + end for chunk in chunks)

    whole = read_through([stream], hide=hide)

    assert whole[2]
    if not hide:
        assert whole[0] == stream
    for at in range(len(stream)):
        assert read_through([stream[:at], stream[at:]], hide=hide) == whole
    single = [stream[at : at + 1] for at in range(len(stream))]
    assert read_through(single, hide=hide) == whole


@given(chunks=chunks())
def test_what_is_left_when_usage_is_hidden_is_the_same_without_it(
    chunks: list[bytes],
) -> None:
    stream = b"".join(b"data: " + chunk + b"\n\n" for chunk in chunks)

    forwarded, _, _ = read_through([stream], hide=True)

    *events, rest = forwarded.split(b"\n\n")
    assert rest == b""
    assert events.pop() == b"data: [DONE]"
    left = [orjson.loads(event.removeprefix(b"data: ")) for event in events]
    expected = []
    for chunk in chunks[:-1]:
        tree = orjson.loads(chunk)
        if tree["choices"]:
            tree.pop("usage", None)
            expected.append(tree)
    assert left == expected


# Single cases


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7}, Tokens(5, 7)),
        ({"prompt_tokens": 5, "completion_tokens": 0}, Tokens(5, 0)),
        (
            {
                "prompt_tokens": 50,
                "completion_tokens": 70,
                "prompt_tokens_details": {
                    "cached_tokens": 20,
                    "cache_write_tokens": 10,
                    "audio_tokens": 3,
                },
                "completion_tokens_details": {
                    "reasoning_tokens": 60,
                    "audio_tokens": 2,
                },
            },
            Tokens(50, 70, 20, 10, 60, {"audio_in": 3, "audio_out": 2}),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 7, "x": "y"}, Tokens(5, 7)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "prompt_tokens_details": None,
                "completion_tokens_details": {"reasoning_tokens": None},
            },
            Tokens(5, 7),
        ),
        ({"prompt_tokens": 0, "completion_tokens": 0}, None),
        ({"prompt_tokens": -5, "completion_tokens": 7}, None),
        ({"prompt_tokens": 5, "completion_tokens": 10**12}, None),
        ({"prompt_tokens": "5", "completion_tokens": 7}, None),
        ({"prompt_tokens": 5.5, "completion_tokens": 7}, None),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 6},
            },
            None,
        ),
        ({}, None),
        (None, None),
        ("five", None),
    ],
)
def test_usage_is_taken_where_it_can_be_true(usage: Any, tokens: Tokens | None) -> None:
    body = {"choices": [{"message": {}}], "usage": usage}

    reply = openai_chat.parse_response(orjson.dumps(body))

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == tokens


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        ({"message": "No.", "type": "t", "code": "c"}, "c", "No."),
        ({"message": "No.", "type": "t", "code": None}, "t", "No."),
        ({"code": 429, "message": "Slow down."}, "429", "Slow down."),
        ({"detail": "No."}, "", "No."),
        ("No.", "", "No."),
        ({"code": "a\x00b", "message": "x" * 5_000}, "'a\\x00b'", "x" * 1_000),
    ],
)
def test_an_error_is_read_however_it_is_written(
    error: Any, code: str, message: str
) -> None:
    fault = openai_chat.error_code(orjson.dumps({"error": error}))

    assert (fault.code, fault.message) == (code, message)
    hidden = openai_chat.parse_response(orjson.dumps({"error": error}))
    assert isinstance(hidden, UpstreamFault)
    assert hidden == fault


def test_usage_that_comes_bit_by_bit_counts_as_it_was_told_last() -> None:
    inspector = openai_chat.StreamInspector(hide_usage=False)

    for output in (1, 2, 3):
        usage = {"prompt_tokens": 5, "completion_tokens": output}
        tree = {"choices": [{"delta": {"content": "a"}}], "usage": usage}
        inspector.read(b"data: %b\n\n" % orjson.dumps(tree))
    inspector.read(b'data: {"choices":[],"usage":{"prompt_tokens":-1}}\n\n')

    assert inspector.tokens == Tokens(5, 3)


# Requests

NO_QUIRKS = Quirks()


def sent(fields: dict[str, Any], quirks: Quirks = NO_QUIRKS, **options: Any) -> Any:
    raw = {name: orjson.dumps(value) for name, value in fields.items()}
    options = {"stream": False, "dropped": frozenset(), **options}
    built = openai_chat.build_relayed(raw, "theirs", quirks, **options)
    return {name: orjson.loads(value) for name, value in built.items()}


def test_only_the_model_is_changed() -> None:
    fields = {"model": "fast", "messages": [], "x": {"y": 1}}

    assert sent(fields) == {**fields, "model": "theirs"}


def test_quirks_drop_and_rename_what_a_provider_takes_otherwise() -> None:
    quirks = Quirks(
        drop_params=frozenset({"logit_bias", "user"}),
        rename_params={"max_completion_tokens": "max_tokens"},
    )
    fields = {"max_completion_tokens": 5, "logit_bias": {}, "user": "u", "seed": 1}

    assert sent(fields, quirks) == {"max_tokens": 5, "seed": 1, "model": "theirs"}


def test_usage_is_asked_for_unless_the_provider_takes_no_stream_options() -> None:
    quirks = Quirks(drop_params=frozenset({"stream_options"}))

    assert sent({}, stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in sent({}, quirks, stream=True)
    assert "stream_options" not in sent({}, stream=False)
    for options in (None, {}, {"include_usage": False}):
        asked = sent({"stream_options": options}, stream=True)
        assert asked["stream_options"]["include_usage"] is True
