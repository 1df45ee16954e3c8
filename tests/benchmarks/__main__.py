"""python -m tests.benchmarks [--quick] [--write] [--bare] [--profile]"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gateway.simulator import SimulatorProcess
from tests.benchmarks import hot_path, load, report, rows
from tests.benchmarks.exactness import verify
from tests.benchmarks.load import SCENARIOS, TRANSLATED, Scenario
from tests.benchmarks.machine import Cores
from tests.benchmarks.results import Results, bars, by_processor_time
from tests.benchmarks.systems import System, bare_relay, gateway, storage

WARM_UP_SECONDS = 2
WARM_UP = Scenario(streamed=False, clients=16)
PROFILED = (Scenario(streamed=False, clients=16), Scenario(streamed=True, clients=16))


def main() -> int:
    options = _options()
    load.check_wrk()
    cores = Cores()
    print("\n".join(report.preamble()))
    if not cores.are_apart:
        print("There is one core only: every figure below is a mixture.")
    cores.keep_rest()
    with SimulatorProcess(["--no-ledger"]) as simulator:
        if options.profile:
            return _profile(cores, simulator, options)
        return _measure(cores, simulator, options)


def _measure(
    cores: Cores, simulator: SimulatorProcess, options: argparse.Namespace
) -> int:
    direct = System("simulator", simulator.url, "sim-bench", pid=simulator.process.pid)
    with bare_relay(cores, simulator.url) as bare:
        if options.bare:
            results = _rounds([direct, bare], options)
            print("\n".join(report.rates(results)))
            return 0
        with storage() as store, gateway(cores, store, simulator.url) as ours:
            results = _rounds([direct, bare, ours], options)
            _translations(ours, options, results)
            counted = simulator.ledger()["billable_by_model"]
            begun = sum(counted[model] for _, _, model in rows.UPSTREAMS.values())
            exactness = verify(ours, store, begun)
    print()
    found = bars(results)
    lines = [
        *report.preamble(),
        "",
        *report.rates(results),
        "",
        *report.bar_table(found),
        "",
        *(f"- {line}" for line in by_processor_time(results)),
        *(f"- {line}" for line in exactness.lines()),
    ]
    print("\n".join(lines))
    if options.write:
        report.write("figures", lines)
    return 0 if exactness.is_exact and all(bar.is_met for bar in found) else 1


def _rounds(systems: Sequence[System], options: argparse.Namespace) -> Results:
    """Load one system after the other, again and again, so that noise is shared."""
    results = Results()
    for system in systems:
        _load(system, WARM_UP, WARM_UP_SECONDS)
    for number in range(options.rounds):
        for scenario in SCENARIOS:
            for system in systems:
                _run(number, system, scenario, options, results)
    return results


def _translations(
    system: System, options: argparse.Namespace, results: Results
) -> None:
    """Load the gateway with providers that do not speak the clients' dialect."""
    for scenario in TRANSLATED:
        _load(system, scenario, WARM_UP_SECONDS)
    for number in range(options.rounds):
        for scenario in TRANSLATED:
            _run(number, system, scenario, options, results)


def _run(
    number: int,
    system: System,
    scenario: Scenario,
    options: argparse.Namespace,
    results: Results,
) -> None:
    measurement = _load(system, scenario, options.seconds)
    results.add(system.name, scenario, measurement)
    print(
        f"round {number + 1}: {scenario.name}: {system.name}: "
        f"{measurement.rate * scenario.scale:,.0f}/s",
        file=sys.stderr,
    )


def _load(system: System, scenario: Scenario, seconds: int) -> load.Measurement:
    used = system.cpu_seconds()
    body = system.body(scenario.upstream)
    measurement = load.run_wrk(system.url, body, system.key, scenario, seconds)
    measurement = replace(measurement, cpu_seconds=system.cpu_seconds() - used)
    system.answered += measurement.requests - measurement.errors
    system.connections += scenario.clients
    return measurement


def _profile(
    cores: Cores, simulator: SimulatorProcess, options: argparse.Namespace
) -> int:
    lines = report.preamble()
    for scenario in PROFILED:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "profile"
            with (
                storage() as store,
                gateway(cores, store, simulator.url, file) as ours,
            ):
                _load(ours, WARM_UP, WARM_UP_SECONDS)
                with hot_path.recorded(ours.pid, file):
                    measurement = _load(ours, scenario, options.seconds)
            functions = hot_path.top_functions(file, measurement.requests, count=30)
        lines += ["", f"{scenario.name.capitalize()}, per request:", ""]
        lines += report.profile_table(functions)
    print("\n".join(lines))
    if options.write:
        report.write("profile", lines)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--quick", action="store_true", help="two short rounds")
    parser.add_argument("--write", action="store_true", help="to docs/benchmarks.md")
    parser.add_argument("--bare", action="store_true", help="without the gateway")
    parser.add_argument("--profile", action="store_true", help="profile, not measure")
    parser.add_argument("--rounds", type=int, help="how often each load is repeated")
    parser.add_argument("--seconds", type=int, help="how long each load lasts")
    options = parser.parse_args()
    options.rounds = options.rounds or (2 if options.quick else 5)
    options.seconds = options.seconds or (2 if options.quick else 5)
    return options


if __name__ == "__main__":
    sys.exit(main())
