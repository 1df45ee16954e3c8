import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.usage.events import intent, outcome, settlement
from usage.records import decode
from usage.segments import event_of, id_of, is_intent, segment_paths
from usage.spool import SEGMENT_SECONDS, Spool, SpoolFull


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().rstrip(b"\0").splitlines()


def all_lines(spool: Spool) -> list[bytes]:
    return [line for path in segment_paths(spool.directory) for line in lines_of(path)]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let the kernel refuse to write beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_intent_and_its_settlement_are_on_disk_at_once(spool: Spool) -> None:
    asked = intent()
    answered = settlement(asked, output_tokens=7)

    spool.intend(asked)
    spool.settle(asked.id, outcome(output_tokens=7))

    first, second = all_lines(spool)
    assert is_intent(first)
    assert not is_intent(second)
    assert id_of(first) == id_of(second) == str(asked.id).encode()
    assert [decode(event_of(line)) for line in (first, second)] == [asked, answered]


def test_an_open_intent_is_carried_into_the_next_segment(root: Path) -> None:
    spool = Spool.open(root, segment_bytes=1000)
    waiting = intent()

    spool.intend(waiting)
    for _ in range(20):
        record = intent()
        spool.intend(record)
        spool.settle(record.id, outcome())

    paths = segment_paths(spool.directory)
    assert len(paths) > 3
    for path in paths:
        assert id_of(lines_of(path)[0]) == str(waiting.id).encode()
    spool.close()


def test_a_segment_that_was_rotated_is_removed_once_shipped(root: Path) -> None:
    spool = Spool.open(root, segment_bytes=500)
    for _ in range(3):
        spool.record(settlement())

    spool.remove_shipped()
    kept = len(segment_paths(spool.directory))
    for segment in spool.segments:
        segment.shipped = segment.size
    spool.remove_shipped()

    assert kept == 2
    assert segment_paths(spool.directory) == [spool.segments[0].path]
    assert spool.depth().bytes == spool.segments[0].size
    spool.close()


def test_an_old_segment_is_rotated_however_small(spool: Spool) -> None:
    spool.record(settlement())
    spool.segments[0].opened_at -= SEGMENT_SECONDS + 1

    spool.remove_shipped()
    spool.record(settlement())

    assert [segment.closed for segment in spool.segments] == [True, False]


def test_a_full_spool_refuses_attempts_but_no_settlement(root: Path) -> None:
    spool = Spool.open(root, max_bytes=500)
    asked = [intent(), intent()]
    for record in asked:
        spool.intend(record)

    with pytest.raises(SpoolFull):
        spool.intend(intent())
    with pytest.raises(SpoolFull):
        spool.record(settlement())
    spool.settle(asked[0].id, outcome())

    assert spool.depth().open_intents == 1
    assert spool.depth().share > 1
    spool.close()


def test_other_spools_count_towards_the_limit(root: Path) -> None:
    spool = Spool.open(root, max_bytes=500)
    spool.bytes_elsewhere = 501

    with pytest.raises(SpoolFull):
        spool.intend(intent())

    spool.close()


@pytest.mark.parametrize("spare", [0, 100])
def test_a_full_disk_refuses_attempts_and_leaves_no_half_line(
    root: Path, spare: int
) -> None:
    spool = Spool.open(root, window_bytes=0)
    asked, refused, later = intent(), intent(), intent()
    spool.intend(asked)

    with largest_file(spool.segments[0].size + spare), pytest.raises(SpoolFull):
        spool.intend(refused)
    spool.intend(later)

    assert [decode(event_of(line)) for line in all_lines(spool)] == [asked, later]
    spool.close()


def test_a_settlement_waits_for_a_full_disk_to_have_room(root: Path) -> None:
    spool = Spool.open(root, window_bytes=0)
    asked, later = intent(), intent()
    answered = settlement(asked)
    spool.intend(asked)

    with largest_file(spool.segments[0].size):
        spool.settle(asked.id, outcome())
    open_meanwhile = spool.depth().open_intents
    spool.intend(later)

    assert open_meanwhile == 1
    assert [decode(event_of(line)) for line in all_lines(spool)] == [
        asked,
        answered,
        later,
    ]
    assert spool.depth().open_intents == 1
    spool.close()


def test_a_spool_that_cannot_rotate_goes_on_in_the_old_segment(root: Path) -> None:
    spool = Spool.open(root, segment_bytes=300)
    spool.intend(intent())
    blocker = spool.directory / "00000002.spool"
    blocker.touch()

    spool.intend(intent())

    assert len(lines_of(spool.segments[0].path)) == 2
    assert len(spool.segments) == 1
    spool.close()


def test_a_disk_that_fills_up_while_rotating_loses_no_intent(root: Path) -> None:
    spool = Spool.open(root, segment_bytes=500, window_bytes=0)
    waiting = [intent() for _ in range(2)]
    for record in waiting:
        spool.intend(record)
    size = spool.segments[0].size
    later = intent()

    with largest_file(size - 100), pytest.raises(SpoolFull):
        spool.intend(later)
    after_failure = segment_paths(spool.directory)
    spool.intend(later)

    assert after_failure == [spool.segments[0].path]
    assert [decode(event_of(line)) for line in all_lines(spool)] == [*waiting, later]
    spool.close()


def test_a_spool_with_nothing_left_removes_its_directory(root: Path) -> None:
    spool = Spool.open(root)

    spool.close()

    assert list(root.iterdir()) == []


def test_a_spool_with_something_left_keeps_its_directory(root: Path) -> None:
    spool = Spool.open(root)
    spool.intend(intent())

    spool.close()

    assert [path.name for path in root.iterdir()] == [spool.directory.name]
