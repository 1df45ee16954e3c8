"""The figures of all processes as Prometheus reads them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from gateway.metrics.figures import Figures, Timings, added
from gateway.metrics.slots import GONE_SECONDS

CONTENT_TYPE = CONTENT_TYPE_LATEST.encode()


class Family(NamedTuple):
    help: str
    labels: tuple[str, ...] = ()


# Added up over the processes of the machine.
COUNTERS = {
    "requests": Family("Inference requests answered, by class of status.", ("status",)),
    "attempts": Family(
        "Upstream attempts settled, by provider and outcome.", ("provider", "outcome")
    ),
    "tokens": Family(
        "Tokens of settled attempts; cache_read is a part of input.",
        ("provider", "model", "kind"),
    ),
    "cost_usd": Family("Cost of settled attempts in USD.", ("provider", "model")),
    "unpriced_attempts": Family(
        "Settled attempts whose cost is not known.", ("provider", "model")
    ),
    "limit_decisions": Family("Requests that had limits to be checked against."),
    "limit_decisions_degraded": Family("Decisions made without Redis."),
    "limit_refusals": Family("Requests that a limit refused."),
    "limit_shadow_refusals": Family(
        "Requests that a limit in shadow mode would have refused."
    ),
    "budget_refusals": Family("Attempts that a budget did not pay for."),
    "budget_would_refuse": Family("Attempts that one in shadow would have refused."),
    "budget_warnings": Family("Shares of budgets reached for the first time."),
    "redis_failures": Family("Answers of Redis that were useless, late or missing."),
    "redis_breaker_openings": Family("How often Redis was given up for a while."),
    "target_breaker_openings": Family(
        "How often a target was given up for a while.", ("provider",)
    ),
    "targets_left_out": Family(
        "How often a request left a target out, for it would not have answered.",
        ("provider",),
    ),
    "retries": Family("Attempts at a target that had just failed.", ("provider",)),
}
TIMINGS = {
    "overhead_seconds": Family("Time spent here rather than upstream."),
    "upstream_seconds": Family(
        "Attempts that went well, until their last byte.", ("provider",)
    ),
    "first_token_seconds": Family(
        "Streamed attempts, until their first content.", ("provider",)
    ),
}
# Each process has its own, with the number of its slot as `process`.
GAUGES = {
    "snapshot_version": Family("Configuration version that is served from."),
    "snapshot_age_seconds": Family("Time since the catalog was read."),
    "snapshot_stale_seconds": Family("How long changes go unseen; 0: they are seen."),
    "snapshot_keys": Family("Project keys in memory."),
    "snapshot_end_users": Family("End users in memory."),
    "snapshot_projects": Family("Projects in memory."),
    "limit_processes": Family("Processes that share the limits when Redis is away."),
    "redis_breaker": Family("1 for the state that it is in.", ("state",)),
    "target_breaker": Family(
        "1 for a target that is given up for a while, with the state that it is in.",
        ("provider", "model", "state"),
    ),
    "spool_bytes": Family("Size of the process's spool."),
    "spool_unshipped_bytes": Family("What is not in PostgreSQL yet."),
    "spool_open_intents": Family("Attempts under way."),
    "spool_fill_ratio": Family("How much of SIGNALBOX_SPOOL_MAX_BYTES is used."),
    "spool_lag_seconds": Family("How long something has waited to be shipped."),
}


def expose(by_process: Mapping[int, Figures], now: float) -> bytes:
    """Return the text of a scrape. Dead processes still count, but have no gauges."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(by_process, now))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, by_process: Mapping[int, Figures], now: float) -> None:
        self._by_process = by_process
        self._now = now

    def collect(self) -> Iterator[Metric]:
        total = added(self._by_process.values())
        yield from _counters(total)
        yield from _timings(total.timings)
        yield from self._gauges()

    def _gauges(self) -> Iterator[Metric]:
        families = {
            name: GaugeMetricFamily(
                f"signalbox_{name}", family.help, labels=("process", *family.labels)
            )
            for name, family in GAUGES.items()
        }
        for number, figures in self._by_process.items():
            if self._now - figures.at > GONE_SECONDS:
                continue
            for sample in figures.gauges:
                if sample.family in families:
                    families[sample.family].add_metric(
                        (str(number), *sample.labels), sample.value
                    )
        yield from families.values()


def _counters(total: Figures) -> Iterator[Metric]:
    families = {
        name: CounterMetricFamily(f"signalbox_{name}", help_text, labels=labels)
        for name, (help_text, labels) in COUNTERS.items()
    }
    for sample in total.counters:
        if sample.family in families:
            families[sample.family].add_metric(sample.labels, sample.value)
    yield from families.values()


def _timings(timings: Iterable[Timings]) -> Iterator[Metric]:
    families = {
        name: HistogramMetricFamily(f"signalbox_{name}", help_text, labels=labels)
        for name, (help_text, labels) in TIMINGS.items()
    }
    for timed in timings:
        if timed.family in families:
            families[timed.family].add_metric(
                timed.labels, _buckets(timed), sum_value=timed.sum
            )
    yield from families.values()


def _buckets(timed: Timings) -> list[tuple[str, float]]:
    """Return the counts as Prometheus wants them: up to each bound, cumulated."""
    buckets: list[tuple[str, float]] = []
    up_to = 0
    for bound, count in zip(
        [*map(str, timed.bounds), "+Inf"], timed.counts, strict=True
    ):
        up_to += count
        buckets.append((bound, up_to))
    return buckets
