"""What was measured, and whether it is what was asked for."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.simulator.bench import EVENTS
from tests.benchmarks.load import TRANSLATED, Measurement, Scenario, Spread

# The clients that saturate a core; with one there is only waiting.
_LOADED = (16, 64)
_TRANSLATED_EVENTS = 10_000


@dataclass
class Results:
    """The runs of each system under each load, in the order they were made."""

    runs: dict[tuple[str, Scenario], list[Measurement]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def add(self, system: str, scenario: Scenario, measurement: Measurement) -> None:
        self.runs[system, scenario].append(measurement)

    def spread(
        self, system: str, scenario: Scenario, value: Callable[[Measurement], float]
    ) -> Spread:
        return Spread.of([value(run) for run in self.runs[system, scenario]])

    def ratio(self, scenario: Scenario) -> Spread:
        """Return gateway to bare relay, each round by itself: noise hits both alike."""
        pairs = zip(
            self.runs["gateway", scenario],
            self.runs["bare relay", scenario],
            strict=True,
        )
        return Spread.of([ours.rate / bare.rate for ours, bare in pairs])

    def cpu_ratio(self, scenario: Scenario) -> Spread:
        """Return bare relay to gateway by processor time for each answer."""
        pairs = zip(
            self.runs["gateway", scenario],
            self.runs["bare relay", scenario],
            strict=True,
        )
        return Spread.of([bare.cpu_us / ours.cpu_us for ours, bare in pairs])

    def failing(self) -> list[str]:
        """Return which system had errors under which load, and how many."""
        counts = {
            f"{system}, {scenario.name}": sum(run.errors for run in runs)
            for (system, scenario), runs in self.runs.items()
        }
        return [f"{where}: {count}" for where, count in counts.items() if count]


@dataclass(frozen=True)
class Bar:
    """One promise: what it asks for, what was measured, and whether that is enough."""

    subject: str
    asked: str
    measured: str
    is_met: bool


def bars(results: Results) -> list[Bar]:
    one, sixteen = Scenario(False, 1), Scenario(False, 16)
    found = [
        _ratio_bar(results, streamed=False),
        _ratio_bar(results, streamed=True),
        _translated_bar(results),
    ]
    ratio = results.spread("gateway", sixteen, lambda run: run.p99_ms / run.p50_ms)
    found.append(
        Bar(
            "p99 to median of the gateway, plain, 16 clients",
            "≤ 3",
            _figure(ratio, 2),
            ratio.median <= 3,
        )
    )
    ours = results.spread("gateway", one, lambda run: run.p50_ms)
    upstream = results.spread("simulator", one, lambda run: run.p50_ms)
    added = ours.median - upstream.median
    found.append(
        Bar(
            "added at the median, one client, over calling the upstream directly",
            "≤ 0.6 ms",
            f"{added:.2f} ms",
            added <= 0.6,
        )
    )
    failing = results.failing()
    found.append(
        Bar("errors that wrk counted", "0", "; ".join(failing) or "0", not failing)
    )
    return found


def by_processor_time(results: Results) -> list[str]:
    """Compare by processor time, which other load on the machine touches less."""
    return [
        f"{'streamed' if streamed else 'plain'} by processor time, gateway to bare "
        f"relay, {clients} clients: "
        f"{_figure(results.cpu_ratio(Scenario(streamed, clients)), 2)}"
        for streamed in (False, True)
        for clients in _LOADED
    ]


def _ratio_bar(results: Results, *, streamed: bool) -> Bar:
    """Take the worse of the two loaded cases."""
    spreads = [results.ratio(Scenario(streamed, clients)) for clients in _LOADED]
    worst = min(spreads, key=lambda spread: spread.median)
    what = "streamed events/s" if streamed else "plain requests/s"
    return Bar(
        f"{what}, gateway to bare relay, the worse of 16 and 64 clients",
        "≥ 0.5",
        _figure(worst, 2),
        worst.median >= 0.5,
    )


def _translated_bar(results: Results) -> Bar:
    """Take the worse of the protocols; an event is one that the client gets."""
    spreads = [
        results.spread("gateway", scenario, lambda run: run.rate * EVENTS)
        for scenario in TRANSLATED
    ]
    worst = min(spreads, key=lambda spread: spread.median)
    names = " and ".join(scenario.upstream.title() for scenario in TRANSLATED)
    return Bar(
        f"streamed events/s translated for OpenAI's clients, the worse of {names}",
        f"≥ {_TRANSLATED_EVENTS:,}",
        f"{worst.median:,.0f} ({worst.low:,.0f} … {worst.high:,.0f})",
        worst.median >= _TRANSLATED_EVENTS,
    )


def _figure(spread: Spread, digits: int) -> str:
    low, high = f"{spread.low:.{digits}f}", f"{spread.high:.{digits}f}"
    return f"{spread.median:.{digits}f} ({low} … {high})"
