"""Events come out whole however the network cut them, and not a byte is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sse import EventCutter, EventTooLarge, data_of, split_events

lines = st.binary(max_size=12).map(
    lambda line: line.replace(b"\r", b"").replace(b"\n", b"")
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    stream = b""
    for _ in range(draw(st.integers(1, 5))):
        end = draw(ends)
        for line in draw(st.lists(lines.filter(bool), min_size=1, max_size=3)):
            stream += line + end
        stream += end
    return stream


@st.composite
def pieces(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    places = draw(st.lists(st.integers(0, len(stream)), max_size=8))
    cuts = [0, *sorted(places), len(stream)]
    return [stream[a:b] for a, b in pairwise(cuts)]


@given(data=st.data())
def test_nothing_is_lost_and_only_whole_events_come_out(data: st.DataObject) -> None:
    stream = data.draw(streams())
    cutter = EventCutter(1_000)

    out = [cutter.feed(piece) for piece in data.draw(pieces(stream))]

    assert all(part.endswith((b"\n\n", b"\r\n", b"\r\r")) for part in out if part)
    assert b"".join(out) + cutter.flush() == stream


@given(stream=streams())
def test_split_events_joined_are_the_stream(stream: bytes) -> None:
    events = split_events(stream)

    assert b"".join(events) == stream
    assert all(event.rstrip(b"\r\n").strip(b"\r\n") for event in events)


@pytest.mark.parametrize(
    "end", [b"\n\n", b"\r\n\r\n", b"\r\r", b"\n\r\n", b"\r\n\n", b"\r\r\n"]
)
def test_an_event_is_whole_as_soon_as_its_blank_line_is_there(end: bytes) -> None:
    event = b"data: one" + end

    assert EventCutter(100).feed(event) == event
    cutter = EventCutter(100)
    assert cutter.feed(event[:-1] + b"") in {b"", event[:-1]}


def test_an_unfinished_event_is_kept_until_it_is_finished() -> None:
    cutter = EventCutter(100)

    assert cutter.feed(b"data: on") == b""
    assert cutter.feed(b"e\n\ndata: two") == b"data: one\n\n"
    assert cutter.flush() == b"data: two\n\n"
    assert cutter.flush() == b""


def test_an_event_without_end_is_given_up() -> None:
    cutter = EventCutter(100)
    cutter.feed(b"data: " + b"x" * 90)

    with pytest.raises(EventTooLarge):
        cutter.feed(b"x" * 90)


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: one\n\n", b"one"),
        (b"data:one\r\n\r\n", b"one"),
        (b"event: x\rid: 7\rdata: one\r\r", b"one"),
        (b"data: one\ndata: two\n\n", b"one\ntwo"),
        (b"\xef\xbb\xbfdata: one\n\n", b"one"),
        (b": comment\n\n", None),
        (b"data:\n\n", None),
        (b"data\n\n", None),
        (b"retry: 100\n\n", None),
        (b"database: one\n\n", None),
        (b"\n", None),
    ],
)
def test_the_data_of_an_event_is_read_as_the_standard_says(
    event: bytes, data: bytes | None
) -> None:
    assert data_of(event) == data
