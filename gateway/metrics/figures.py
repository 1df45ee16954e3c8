"""The figures of one process at one moment, as they are kept and added up."""

from collections.abc import Iterable

import msgspec

from gateway.metrics.counts import Counts, Histogram
from gateway.resilience.standings import Standings
from gateway.serve import Gateway
from gateway.uses import USES
from usage.shipper import Shipper
from usage.spool import Spool


class Sample(msgspec.Struct, frozen=True, array_like=True):
    family: str
    labels: tuple[str, ...]
    value: float


class Timings(msgspec.Struct, frozen=True, array_like=True):
    """A histogram: a count per bound, not cumulated, the last above all bounds."""

    family: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float


class Figures(msgspec.Struct, frozen=True):
    """Counters and timings only ever grow; gauges are of the moment `at`."""

    at: float
    counters: tuple[Sample, ...] = ()
    timings: tuple[Timings, ...] = ()
    gauges: tuple[Sample, ...] = ()


def figures_of(
    counts: Counts, gateway: Gateway, spool: Spool, shipper: Shipper, now: float
) -> Figures:
    limiter = gateway.limiter
    classes: dict[str, int] = {}
    for status, number in counts.requests.items():
        name = f"{status // 100}xx"
        classes[name] = classes.get(name, 0) + number
    counters = [
        *(Sample("requests", (name,), number) for name, number in classes.items()),
        *(Sample("attempts", key, number) for key, number in counts.attempts.items()),
        Sample("limit_decisions", (), limiter.decisions),
        Sample("limit_decisions_degraded", (), limiter.degraded_decisions),
        Sample("limit_refusals", (), limiter.refusals),
        Sample("limit_shadow_refusals", (), USES.shadow_refusals),
        *_counters_of_use(counts),
        *_counters_of_budgets(gateway),
        Sample("redis_failures", (), limiter.link.failures),
        Sample("redis_breaker_openings", (), limiter.link.times_opened),
        *_counters_of_targets(gateway.standings),
    ]
    timings = [_timings("overhead_seconds", (), counts.overhead)]
    for family, by_provider in (
        ("upstream_seconds", counts.upstream),
        ("first_token_seconds", counts.first_token),
    ):
        timings += [
            _timings(family, (provider,), timed)
            for provider, timed in by_provider.items()
        ]
    return Figures(
        at=now,
        counters=tuple(counters),
        timings=tuple(timings),
        gauges=(
            *_gauges_of_gateway(gateway, now),
            *_gauges_of_spool(spool, shipper),
        ),
    )


def _timings(family: str, labels: tuple[str, ...], timed: Histogram) -> Timings:
    return Timings(family, labels, timed.bounds, tuple(timed.counts), timed.sum)


def _gauges_of_gateway(gateway: Gateway, now: float) -> Iterable[Sample]:
    snapshot, limiter = gateway.snapshot, gateway.limiter
    stale_since = snapshot.stale_since
    yield Sample("snapshot_version", (), snapshot.version)
    if snapshot.is_ready:
        yield Sample("snapshot_age_seconds", (), max(0.0, now - snapshot.loaded_at))
    stale_s = 0.0 if stale_since is None else max(0.0, now - stale_since)
    yield Sample("snapshot_stale_seconds", (), stale_s)
    yield Sample("snapshot_keys", (), snapshot.key_count)
    yield Sample("snapshot_end_users", (), snapshot.end_user_count)
    yield Sample("snapshot_projects", (), snapshot.project_count)
    yield Sample("limit_processes", (), limiter.processes)
    for state in ("closed", "half_open", "open"):
        yield Sample("redis_breaker", (state,), float(limiter.link.breaker == state))
    yield from _gauges_of_targets(gateway.standings)


def _counters_of_use(counts: Counts) -> Iterable[Sample]:
    for key, used in counts.used.items():
        for kind in ("input", "cache_read", "output"):
            yield Sample("tokens", (*key, kind), getattr(used, kind))
        yield Sample("cost_usd", key, float(used.cost_usd))
        yield Sample("unpriced_attempts", key, used.unpriced)


def _counters_of_budgets(gateway: Gateway) -> Iterable[Sample]:
    escrow = gateway.escrow
    if escrow is not None:
        yield Sample("budget_refusals", (), escrow.refusals)
        yield Sample("budget_would_refuse", (), escrow.would_refuse)
        yield Sample("budget_warnings", (), escrow.warnings)


def _counters_of_targets(standings: Standings) -> Iterable[Sample]:
    for provider, told in standings.totals.items():
        for family, count in (
            ("target_breaker_openings", told.times_opened),
            ("targets_left_out", told.times_left_out),
            ("retries", told.retries),
        ):
            if count:
                yield Sample(family, (provider,), count)


def _gauges_of_targets(standings: Standings) -> Iterable[Sample]:
    """Yield the breakers that are not closed; of a model's several, one."""
    found = {
        (standing.provider, standing.model): standing.breaker.state
        for standing in standings
        if standing.breaker.is_open
    }
    for (provider, model), state in found.items():
        yield Sample("target_breaker", (provider, model, state), 1.0)


def _gauges_of_spool(spool: Spool, shipper: Shipper) -> Iterable[Sample]:
    depth = spool.depth()
    yield Sample("spool_bytes", (), depth.bytes)
    yield Sample("spool_unshipped_bytes", (), depth.unshipped_bytes)
    yield Sample("spool_open_intents", (), depth.open_intents)
    yield Sample("spool_fill_ratio", (), depth.share)
    yield Sample("spool_lag_seconds", (), shipper.lag())


def added(many: Iterable[Figures]) -> Figures:
    """Return the sum of counters and timings; gauges are not for adding.

    Timings whose bounds differ come from different releases; the later ones count.
    """
    at = 0.0
    counters: dict[tuple[str, tuple[str, ...]], float] = {}
    timings: dict[tuple[str, tuple[str, ...]], Timings] = {}
    for figures in many:
        at = max(at, figures.at)
        for sample in figures.counters:
            key = (sample.family, sample.labels)
            counters[key] = counters.get(key, 0.0) + sample.value
        for timed in figures.timings:
            key = (timed.family, timed.labels)
            timings[key] = _added_timings(timings.get(key), timed)
    return Figures(
        at=at,
        counters=tuple(Sample(*key, value) for key, value in counters.items()),
        timings=tuple(timings.values()),
    )


def _added_timings(one: Timings | None, other: Timings) -> Timings:
    if one is None or one.bounds != other.bounds:
        return other
    counts = tuple(a + b for a, b in zip(one.counts, other.counts, strict=True))
    return msgspec.structs.replace(other, counts=counts, sum=one.sum + other.sum)
