"""What holds for every adapter: no bytes crash it, and no cut of a stream changes it."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import AudioDelta, Chunk
from gateway.protocols import ADAPTERS
from gateway.simulator import Simulator
from gateway.sse import EventCutter, EventTooLarge
from gateway.types import StreamFault, UpstreamFault, UpstreamReply
from tests.gateway.recordings import STREAMED, streams, whole_answers

LIMIT = 1_000_000
JUNK: list[Any] = [None, True, -1, 1.5, 10**40, "", "x", [], {}, [None], [{}], {"a": 1}]

places = st.lists(st.integers(0, LIMIT), max_size=12)
# Which of the recordings, which of its events, which of its values, and what instead.
spoils = st.lists(
    st.tuples(
        st.integers(0, 99),
        st.integers(0, 99),
        st.integers(0, 999),
        st.sampled_from(JUNK),
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module", params=ADAPTERS)
def adapter(request: pytest.FixtureRequest) -> ModuleType:
    return ADAPTERS[request.param]


@pytest.fixture(scope="module")
def answers(adapter: ModuleType, running_upstream: Simulator) -> list[bytes]:
    """Whole answers of the adapter's protocol."""
    return whole_answers(running_upstream, adapter.NAME)


@pytest.fixture(scope="module", params=STREAMED)
def streaming(request: pytest.FixtureRequest) -> ModuleType:
    return ADAPTERS[request.param]


@pytest.fixture(scope="module")
def recorded(streaming: ModuleType, running_upstream: Simulator) -> list[bytes]:
    """Streams of the adapter's protocol."""
    return streams(running_upstream, streaming.NAME)


def test_every_adapter_has_been_recorded() -> None:
    readers = ("StreamParser", "StreamInspector")
    reading = [n for n, a in ADAPTERS.items() if any(hasattr(a, r) for r in readers)]

    # ElevenLabs transcribes in one piece, which is told as a stream.
    assert {*reading} - {"elevenlabs_transcription"} == {*STREAMED}


def test_what_was_recorded_is_read(adapter: ModuleType, answers: list[bytes]) -> None:
    for body in answers:
        reply = adapter.parse_response(body)

        assert isinstance(reply, UpstreamReply)
        if hasattr(adapter, "parse_result"):
            adapter.parse_result(body)


@given(data=st.binary(max_size=200), start=st.sampled_from([b"", b"{", b'{"a":', b"["]))
def test_no_bytes_crash_the_reading_of_an_answer(
    adapter: ModuleType, data: bytes, start: bytes
) -> None:
    read_answer(adapter, start + data)


@given(spoils=spoils)
def test_no_value_in_an_answer_crashes_its_reading(
    adapter: ModuleType, answers: list[bytes], spoils: Sequence[Any]
) -> None:
    for which, _, at, junk in spoils:
        body = answers[which % len(answers)]
        read_answer(adapter, spoiled(body, at, junk))


@given(
    data=st.binary(max_size=200), start=st.sampled_from([b"", b"data: ", b"data: {"])
)
def test_no_bytes_crash_the_reading_of_a_stream(
    streaming: ModuleType, data: bytes, start: bytes
) -> None:
    read_stream(streaming, [start + data + b"\n\n"])
    read_stream(streaming, [start, data])


@given(cut=st.integers(0, LIMIT), data=st.binary(max_size=20), kept=st.integers(0, 40))
def test_no_bytes_within_a_stream_crash_its_reading(
    streaming: ModuleType, recorded: list[bytes], cut: int, data: bytes, kept: int
) -> None:
    for stream in recorded:
        at = cut % len(stream)
        read_stream(streaming, [stream[:at] + data + stream[at + kept :]])


@given(spoils=spoils)
def test_no_value_in_a_stream_crashes_its_reading(
    streaming: ModuleType, recorded: list[bytes], spoils: Sequence[Any]
) -> None:
    stream = recorded[spoils[0][0] % len(recorded)]
    events = stream.split(b"\n\n")
    for _, event, at, junk in spoils:
        number = event % len(events)
        head, found, data = events[number].partition(b"data: ")
        if found:
            events[number] = head + found + spoiled(data, at, junk)

    read_stream(streaming, [b"\n\n".join(events)])


def test_a_stream_says_the_same_byte_by_byte(
    streaming: ModuleType, recorded: list[bytes]
) -> None:
    for stream in recorded:
        pieces = [stream[at : at + 1] for at in range(len(stream))]

        assert told(streaming, pieces) == told(streaming, [stream])


@given(places=places)
def test_a_stream_says_the_same_wherever_it_is_cut(
    streaming: ModuleType, recorded: list[bytes], places: list[int]
) -> None:
    for stream in recorded:
        marks = [0, *sorted(place % len(stream) for place in places), len(stream)]
        pieces = [stream[start:end] for start, end in pairwise(marks)]

        assert told(streaming, pieces) == told(streaming, [stream])


def read_answer(adapter: ModuleType, body: bytes) -> None:
    """Read it in every way there is; only `Unreadable` may come of it."""
    assert isinstance(adapter.error_code(body), UpstreamFault)
    with contextlib.suppress(adapter.Unreadable):
        reply = adapter.parse_response(body)
        assert isinstance(reply, UpstreamReply | UpstreamFault)
        if isinstance(reply, UpstreamReply) and hasattr(adapter, "parse_reply"):
            adapter.parse_reply(reply)
    if hasattr(adapter, "parse_result"):
        with contextlib.suppress(adapter.Unreadable):
            adapter.parse_result(body)


def read_stream(adapter: ModuleType, pieces: Sequence[bytes]) -> None:
    with contextlib.suppress(adapter.Unreadable, StreamFault, EventTooLarge):
        told(adapter, pieces)


def told(adapter: ModuleType, pieces: Sequence[bytes]) -> tuple[list[Any], bytes, Any]:
    """Return what a stream says translated, relayed, and of itself."""
    chunks: list[Chunk] = []
    forward, noted = b"", None
    if hasattr(adapter, "StreamParser"):
        parser = adapter.StreamParser()
        for frames in framed(adapter, pieces):
            chunks += parser.read(frames)
        noted = parser.complete
    if hasattr(adapter, "StreamInspector"):
        inspector = adapter.StreamInspector(hide_usage=False)
        for frames in framed(adapter, pieces):
            notes = inspector.read(frames)
            forward += notes.forward
            if notes.is_done or notes.fault is not None:
                break
        noted = (
            noted,
            inspector.complete,
            inspector.tokens,
            inspector.reported_model,
        )
    return joined(chunks), forward, noted


def framed(adapter: ModuleType, pieces: Sequence[bytes]) -> Iterator[bytes]:
    """Yield whole frames, as the gateway cuts them out of what comes."""
    cutter = getattr(adapter, "Cutter", EventCutter)(LIMIT)
    for piece in pieces:
        yield cutter.feed(piece)
    yield cutter.flush()


def joined(chunks: list[Chunk]) -> list[Any]:
    """Return the chunks with sounds, which may be cut anywhere, put together."""
    found: list[Any] = []
    for chunk in chunks:
        if isinstance(chunk, AudioDelta) and found and isinstance(found[-1], bytes):
            found[-1] += chunk.audio
        else:
            found.append(chunk.audio if isinstance(chunk, AudioDelta) else chunk)
    return found


def spoiled(body: bytes, at: int, junk: Any) -> bytes:
    """Return JSON with one of its values replaced; what is no JSON stays as it is."""
    try:
        tree = json.loads(body)
    except ValueError:
        return body
    holders = [tree] if isinstance(tree, dict | list) else []
    slots: list[tuple[Any, Any]] = []
    while holders:
        holder = holders.pop()
        names = holder if isinstance(holder, dict) else range(len(holder))
        for name in list(names):
            slots.append((holder, name))
            if isinstance(holder[name], dict | list):
                holders.append(holder[name])
    if slots:
        holder, name = slots[at % len(slots)]
        holder[name] = junk
    return json.dumps(tree).encode()
