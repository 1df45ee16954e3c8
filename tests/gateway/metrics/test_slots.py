"""The figures of processes, side by side and one after the other."""

from pathlib import Path

from gateway.metrics.counts import Counts
from gateway.metrics.figures import Figures, Sample, Timings, added
from gateway.metrics.slots import Slot

ATTEMPTS = ("acme", "ok")


def figures(number: float, at: float = 1.0) -> Figures:
    timed = Timings("overhead_seconds", (), (0.1, 1.0), (int(number), 0, 0), number)
    return Figures(
        at=at,
        counters=(Sample("attempts", ATTEMPTS, number),),
        timings=(timed,),
        gauges=(Sample("snapshot_version", (), number),),
    )


def test_two_processes_hold_two_slots(tmp_path: Path) -> None:
    one, other = Slot(tmp_path), Slot(tmp_path)

    one.write(figures(1))
    other.write(figures(2))

    assert (one.number, other.number) == (1, 2)
    assert one.everybody() == {1: figures(1), 2: figures(2)}
    one.close()
    other.close()


def test_a_successor_goes_on_from_what_was_counted(tmp_path: Path) -> None:
    first = Slot(tmp_path)
    first.write(figures(5))
    first.close()

    successor = Slot(tmp_path)
    successor.write(figures(2, at=9.0))

    assert successor.number == 1
    kept = successor.everybody()[1]
    assert kept.at == 9.0
    assert kept.counters == (Sample("attempts", ATTEMPTS, 7.0),)
    assert kept.timings[0].counts == (7, 0, 0)
    assert kept.gauges == (Sample("snapshot_version", (), 2.0),)
    successor.close()


def test_what_was_counted_before_stays_though_it_is_not_counted_again(
    tmp_path: Path,
) -> None:
    first = Slot(tmp_path)
    first.write(figures(5))
    first.close()

    successor = Slot(tmp_path)
    successor.write(Figures(at=2.0))

    assert successor.everybody()[1].counters == (Sample("attempts", ATTEMPTS, 5.0),)
    successor.close()


def test_a_damaged_file_is_a_fresh_start(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text('{"at": 1, "counters": [["att')

    slot = Slot(tmp_path)

    assert slot.everybody() == {}
    slot.close()


def test_timings_of_another_release_are_not_mixed_in() -> None:
    old = Figures(at=1.0, timings=(Timings("t", (), (1.0,), (3, 0), 2.0),))
    new = Figures(at=2.0, timings=(Timings("t", (), (1.0, 2.0), (1, 1, 0), 2.5),))

    assert added([old, new]).timings == new.timings


def test_only_attempts_that_went_well_are_timed() -> None:
    counts = Counts()

    counts.attempt("acme", "ok", 400.0)
    counts.attempt("acme", "failed", 60_000.0)

    assert counts.attempts == {("acme", "ok"): 1, ("acme", "failed"): 1}
    assert counts.upstream["acme"].sum == 0.4
