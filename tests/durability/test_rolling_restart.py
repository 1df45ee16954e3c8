"""A release: one web process after the other is replaced while streams run."""

import threading
import time

import pytest

from tests.durability.bills import check_exact, check_nothing_left, wait_until_stored
from tests.durability.conftest import Note
from tests.durability.stand import Stand, stand, until
from tests.durability.test_drain import Stream

OPEN = 100
# Each takes three seconds, a tenth of the window in which processes drain.
MODEL = "long"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_rolling_restart_breaks_none_of_a_hundred_streams_s9(note: Note) -> None:
    with stand(shared=True) as made:
        restart_in_turn(made, OPEN, note)


def restart_in_turn(made: Stand, count: int, note: Note) -> None:
    """Keep so many streams open while each process is stopped and started again."""
    key = made.console.new_key()
    url = made.urls[0]
    streams: list[Stream] = []
    is_over = threading.Event()
    readers = [
        threading.Thread(target=read_on, args=[url, key, streams, is_over])
        for _ in range(count)
    ]
    for reader in readers:
        reader.start()
    until(lambda: sum(stream.has_begun() for stream in streams) >= count, at_most=60)

    began = time.monotonic()
    codes = []
    for web in made.webs:
        codes.append(web.stop())
        web.start()
        web.wait_until_ready()
    took = time.monotonic() - began
    is_over.set()
    for reader in readers:
        reader.join(120)

    ends = [stream.read_to_end()[-1] for stream in streams]
    assert codes == [0] * len(made.webs)
    assert {*ends} == {"data: [DONE]"}
    wait_until_stored(made, at_most=60)
    check_exact(made)
    check_nothing_left(made)
    note("streams", len(streams))
    note("broken", sum(end != "data: [DONE]" for end in ends))
    note("s for the restart of all processes", round(took, 1))


def read_on(
    url: str, key: str, streams: list[Stream], is_over: threading.Event
) -> None:
    """Open the next stream when one has ended, so that their number stays."""
    while not is_over.is_set():
        stream = Stream(url, key, MODEL)
        streams.append(stream)
        stream.read_to_end()
