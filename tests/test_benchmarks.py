"""What the benchmarks make of their measurements; the measuring is `make bench`."""

import cProfile
from pathlib import Path

import pytest

from tests.benchmarks import report
from tests.benchmarks.exactness import Exactness
from tests.benchmarks.hot_path import top_functions
from tests.benchmarks.load import SCENARIOS, TRANSLATED, Measurement
from tests.benchmarks.results import Results, bars


def run_of(rate: float, p50_ms: float, p99_ms: float, errors: int = 0) -> Measurement:
    return Measurement(
        requests=100,
        errors=errors,
        rate=rate,
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        seconds=1.0,
        cpu_seconds=0.5,
    )


def results_of(ours: Measurement) -> Results:
    results = Results()
    for scenario in SCENARIOS:
        results.add("simulator", scenario, run_of(4000, 0.1, 0.2))
        results.add("bare relay", scenario, run_of(1000, 0.3, 0.6))
        results.add("gateway", scenario, ours)
    for scenario in TRANSLATED:
        results.add("gateway", scenario, ours)
    return results


def test_every_bar_is_met_by_a_fast_gateway() -> None:
    assert all(bar.is_met for bar in bars(results_of(run_of(600, 0.6, 1.2))))


@pytest.mark.parametrize(
    ("ours", "missed"),
    [
        (run_of(400, 0.6, 1.2), 2),
        (run_of(600, 0.6, 2.4), 1),
        (run_of(600, 0.8, 1.2), 1),
        (run_of(600, 0.6, 1.2, errors=1), 1),
        # A stream has 50 events.
        (run_of(190, 0.6, 1.2), 3),
    ],
)
def test_a_bar_that_is_missed_is_named(ours: Measurement, missed: int) -> None:
    assert sum(not bar.is_met for bar in bars(results_of(ours))) == missed


@pytest.mark.parametrize(
    ("upstream", "events", "well", "failed", "exact"),
    [
        (100, 100, 100, 0, True),
        (103, 104, 101, 0, True),
        (100, 99, 99, 0, False),
        (104, 103, 100, 0, False),
        (100, 117, 100, 0, False),
        (100, 101, 100, 1, False),
    ],
)
def test_events_are_exact_within_what_was_under_way(
    upstream: int, events: int, well: int, failed: int, exact: bool
) -> None:
    found = Exactness(
        answered=100,
        hung_up=16,
        upstream=upstream,
        events=events,
        well=well,
        failed=failed,
        caught_up_seconds=0.1,
    )

    assert found.is_exact is exact


def test_figures_are_written_between_their_markers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text("a\n<!-- figures: generated -->\nold\n<!-- figures: end -->\nz")
    monkeypatch.setattr(report, "DOCUMENT", document)

    report.write("figures", report.rates(results_of(run_of(600, 0.6, 1.2))))

    text = document.read_text()
    assert text.startswith("a\n<!-- figures: generated -->\n")
    assert text.endswith("\n<!-- figures: end -->\nz")
    assert "| plain, 16 clients | gateway | 600 |" in text
    assert "old" not in text
    with pytest.raises(ValueError, match="no markers"):
        report.write("unheard-of", [])


def test_the_document_has_a_place_for_each_section() -> None:
    text = report.DOCUMENT.read_text()

    for section in ("figures", "profile"):
        assert f"<!-- {section}: generated -->" in text
        assert f"<!-- {section}: end -->" in text


def test_a_profile_names_what_takes_time(tmp_path: Path) -> None:
    profile = cProfile.Profile()
    profile.runcall(sorted, range(1000), key=_slow)
    profile.dump_stats(tmp_path / "profile")

    found = top_functions(tmp_path / "profile", requests=10, count=5)

    assert found[0].name == "_slow"
    assert found[0].calls == 100
    assert found[0].place.startswith("tests/test_benchmarks.py:")


def _slow(number: int) -> int:
    """Works in its own frame, long enough to stand above what calls it on any machine."""
    for _ in range(200):
        number = number * 31 % 1009
    return number
