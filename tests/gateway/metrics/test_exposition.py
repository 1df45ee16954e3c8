"""What Prometheus reads."""

from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics.exposition import COUNTERS, GAUGES, TIMINGS, expose
from gateway.metrics.figures import Figures, Sample, Timings

NOW = 1_000.0


def scraped(by_process: dict[int, Figures]) -> dict[tuple[str, str], float]:
    text = expose(by_process, NOW).decode()
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_counters_are_added_up_and_gauges_are_not() -> None:
    one = Figures(
        at=NOW,
        counters=(Sample("requests", ("2xx",), 3),),
        gauges=(Sample("snapshot_version", (), 7),),
    )
    other = Figures(
        at=NOW,
        counters=(Sample("requests", ("2xx",), 4),),
        gauges=(Sample("snapshot_version", (), 8),),
    )

    found = scraped({1: one, 2: other})

    assert found["signalbox_requests_total", "2xx"] == 7
    assert found["signalbox_snapshot_version", "1"] == 7
    assert found["signalbox_snapshot_version", "2"] == 8


def test_a_dead_process_still_counts_but_has_no_gauges() -> None:
    dead = Figures(
        at=NOW - 60,
        counters=(Sample("limit_refusals", (), 3),),
        gauges=(Sample("spool_bytes", (), 7),),
    )

    found = scraped({1: dead})

    assert found["signalbox_limit_refusals_total", ""] == 3
    assert ("signalbox_spool_bytes", "1") not in found


def test_buckets_are_cumulated() -> None:
    timed = Timings("upstream_seconds", ("acme",), (0.1, 1.0), (2, 3, 4), 9.5)

    found = scraped({1: Figures(at=NOW, timings=(timed,))})

    name = "signalbox_upstream_seconds"
    assert found[f"{name}_bucket", "0.1,acme"] == 2
    assert found[f"{name}_bucket", "1.0,acme"] == 5
    assert found[f"{name}_bucket", "+Inf,acme"] == 9
    assert found[f"{name}_count", "acme"] == 9
    assert found[f"{name}_sum", "acme"] == 9.5


def test_a_label_cannot_break_out_of_its_line() -> None:
    odd = 'a"\n# EOF'

    found = scraped(
        {1: Figures(at=NOW, counters=(Sample("attempts", (odd, "ok"), 1),))}
    )

    assert found["signalbox_attempts_total", f"ok,{odd}"] == 1


def test_every_family_says_what_it_is() -> None:
    text = expose({}, NOW).decode()

    for name in [*COUNTERS, *TIMINGS, *GAUGES]:
        assert f"# HELP signalbox_{name}" in text
