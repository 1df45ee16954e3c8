"""What `make bench-peers` and `make soak` make of their measurements."""

import pytest

from tests.benchmarks import report
from tests.benchmarks.load import SCENARIOS, Measurement
from tests.benchmarks.peers import comparing
from tests.benchmarks.results import Results
from tests.benchmarks.soak.traffic import Traffic
from tests.benchmarks.soak.verdict import Verdict, on_leaks, on_memory
from tests.benchmarks.soak.vitals import Holding, slope_per_hour

IDLE = Holding(descriptors=20, connections=0, threads=10, tasks={"listen": 1})


def results_of(gateway: float, *, added_ms: float, errors: int = 0) -> Results:
    results = Results()
    for scenario in SCENARIOS:
        for system, rate, p50 in (
            ("simulator", 20_000.0, 0.1),
            ("LiteLLM", 100.0, 10.1),
            ("Portkey", 1_000.0, 2.0),
            ("gateway", gateway, 0.1 + added_ms),
        ):
            results.add(
                system, scenario, Measurement(100, errors, rate, p50, 2 * p50, 1.0, 0.5)
            )
    return results


@pytest.mark.parametrize(
    ("results", "missed"),
    [
        (results_of(3_100, added_ms=0.9), 0),
        (results_of(2_900, added_ms=0.9), 1),
        (results_of(2_400, added_ms=0.9), 2),
        (results_of(3_100, added_ms=1.1), 1),
        (results_of(3_100, added_ms=0.9, errors=1), 1),
    ],
)
def test_the_gateway_is_held_against_each_peer(results: Results, missed: int) -> None:
    assert sum(not bar.is_met for bar in comparing.bars(results)) == missed


def test_the_table_says_how_many_times_a_peer_the_gateway_is() -> None:
    text = "\n".join(comparing.rates(results_of(3_100, added_ms=0.9)))

    assert "| plain, 16 clients | LiteLLM | 100 |" in text
    assert "| 31.0 times |" in text


def test_the_document_has_a_place_for_the_peers() -> None:
    text = report.DOCUMENT.read_text()

    assert "<!-- peers: generated -->" in text
    assert "<!-- peers: end -->" in text


def test_a_slope_is_that_of_the_whole_and_no_outlier_turns_it() -> None:
    flat = [(float(second), 100.0) for second in range(600)]
    growing = [(second, 100.0 + second / 36) for second, _ in flat]
    flat[300] = (300.0, 400.0)

    assert slope_per_hour(flat) == pytest.approx(0.0)
    assert slope_per_hour(growing) == pytest.approx(100 / 108.3, rel=0.01)


def test_what_grows_or_is_left_over_is_a_fault() -> None:
    verdict = Verdict()
    more = Holding(descriptors=30, connections=1, threads=10, tasks={"listen": 2})

    on_leaks(verdict, [IDLE], [IDLE])
    on_memory(verdict, {1: [(0.0, 100.0), (1.0, 100.0), (2.0, 100.0)]})
    # Steep, but no more than comes and goes by itself.
    on_memory(verdict, {1: [(0.0, 100.0), (1.0, 100.5), (2.0, 101.0)]})
    assert verdict.faults == []

    on_leaks(verdict, [IDLE], [more])
    on_memory(verdict, {1: [(0.0, 100.0), (1.0, 102.0), (2.0, 104.0)]})
    assert len(verdict.faults) == 4


def test_every_kind_of_request_has_a_tally() -> None:
    traffic = Traffic(["http://127.0.0.1:1"], {}, rate=1.0)

    assert len(traffic.tallies) > 25
