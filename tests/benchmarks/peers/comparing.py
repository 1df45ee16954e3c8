"""What the same load made of each, and whether the gateway is as far ahead as asked."""

from collections.abc import Callable

from tests.benchmarks.load import SCENARIOS, Measurement, Scenario, Spread
from tests.benchmarks.report import table
from tests.benchmarks.results import Bar, Results

PEERS = ("LiteLLM", "Portkey")
SYSTEMS = ("simulator", *PEERS, "gateway")
# How many times the throughput of each is asked for, with plain requests.
_TIMES = {"LiteLLM": 30.0, "Portkey": 2.5}
_LOADED = (16, 64)
_ONE = Scenario(False, 1)
# Of what LiteLLM adds at the median.
_ADDED_SHARE = 0.1


def bars(results: Results) -> list[Bar]:
    found = []
    for peer, times in _TIMES.items():
        spreads = [ratio(results, Scenario(False, each), peer) for each in _LOADED]
        worst = min(spreads, key=lambda spread: spread.median)
        found.append(
            Bar(
                f"plain requests/s, gateway to {peer}, the worse of 16 and 64 clients",
                f"≥ {times:g}",
                f"{worst.median:.1f} ({worst.low:.1f} … {worst.high:.1f})",
                worst.median >= times,
            )
        )
    ours, theirs = added_ms(results, "gateway"), added_ms(results, "LiteLLM")
    found.append(
        Bar(
            "added at the median, one client, to what LiteLLM adds",
            f"≤ {_ADDED_SHARE:g}",
            f"{ours / theirs:.3f} ({ours:.2f} ms, {theirs:.2f} ms)",
            ours <= _ADDED_SHARE * theirs,
        )
    )
    failing = results.failing()
    found.append(
        Bar("errors that wrk counted", "0", "; ".join(failing) or "0", not failing)
    )
    return found


def ratio(results: Results, scenario: Scenario, peer: str) -> Spread:
    """Return gateway to peer by throughput, each round by itself."""
    pairs = zip(
        results.runs["gateway", scenario], results.runs[peer, scenario], strict=True
    )
    # A peer that has not answered once in a run is taken to have answered once.
    return Spread.of(
        [ours.rate / max(theirs.rate, 1 / theirs.seconds) for ours, theirs in pairs]
    )


def added_ms(results: Results, system: str) -> float:
    """Return what one client waits longer for a plain answer than upstream itself."""
    through = results.spread(system, _ONE, _p50)
    direct = results.spread("simulator", _ONE, _p50)
    return through.median - direct.median


def rates(results: Results) -> list[str]:
    head = ["load", "system", "per second", "lowest, highest", "p50 ms", "p99 ms"]
    head += ["CPU µs", "errors", "gateway is"]
    rows = []
    for scenario in SCENARIOS:
        for system in SYSTEMS:

            def median(
                figure: Callable[[Measurement], float],
                system: str = system,
                scenario: Scenario = scenario,
            ) -> float:
                return results.spread(system, scenario, figure).median

            rate = results.spread(system, scenario, lambda run: run.rate)
            times = ""
            if system in PEERS:
                times = f"{ratio(results, scenario, system).median:.1f} times"
            low, high = rate.low * scenario.scale, rate.high * scenario.scale
            rows.append(
                [
                    scenario.name,
                    system,
                    f"{rate.median * scenario.scale:,.0f}",
                    f"{low:,.0f} … {high:,.0f}",
                    f"{median(_p50):.2f}",
                    f"{median(lambda run: run.p99_ms):.2f}",
                    f"{median(lambda run: run.cpu_us):,.0f}",
                    str(sum(run.errors for run in results.runs[system, scenario])),
                    times,
                ]
            )
    return table(head, rows)


def _p50(run: Measurement) -> float:
    return run.p50_ms
