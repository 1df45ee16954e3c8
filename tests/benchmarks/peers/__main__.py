"""python -m tests.benchmarks.peers [--quick] [--write] [--keep FOLDER]"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gateway.simulator import SimulatorProcess
from tests.benchmarks import load, report
from tests.benchmarks.load import SCENARIOS, Scenario
from tests.benchmarks.machine import Cores
from tests.benchmarks.peers import comparing, installing, running
from tests.benchmarks.results import Results
from tests.benchmarks.systems import System, gateway, storage

_MODULE = "tests.benchmarks.peers"
_WARM_UP_SECONDS = 3
_WARM_UP = Scenario(streamed=False, clients=16)


def main() -> int:
    options = _options()
    load.check_wrk()
    installing.check_node()
    with _folder(options.keep) as folder:
        print("Installing LiteLLM's proxy and Portkey's gateway …", file=sys.stderr)
        program, script = installing.litellm(folder), installing.portkey(folder)
        versions = [
            f"LiteLLM {installing.litellm_version(program)}",
            f"Portkey's gateway {installing.portkey_version(script)}",
            *running.configurations(),
        ]
        before = os.getloadavg()[0]
        cores = Cores()
        cores.keep_rest()
        with (
            SimulatorProcess(["--no-ledger"]) as simulator,
            storage() as store,
            gateway(cores, store, simulator.url) as ours,
            running.litellm(cores, simulator.url, program) as litellm,
            running.portkey(cores, simulator.url, script) as portkey,
        ):
            direct = System(
                "simulator", simulator.url, "sim-bench", pid=simulator.process.pid
            )
            results = _rounds([direct, litellm, portkey, ours], options)
    found = comparing.bars(results)
    lines = [
        *report.preamble(_MODULE),
        *(f"- {line}" for line in versions),
        f"- load average before the run: {before:.1f}",
        "",
        *comparing.rates(results),
        "",
        *report.bar_table(found),
    ]
    print("\n".join(lines))
    if options.write:
        report.write("peers", lines)
    return 0 if all(bar.is_met for bar in found) else 1


def _rounds(systems: Sequence[System], options: argparse.Namespace) -> Results:
    """Load one system after the other, again and again, so that noise is shared."""
    results = Results()
    for system in systems:
        _load(system, _WARM_UP, _WARM_UP_SECONDS)
    for number in range(options.rounds):
        for scenario in SCENARIOS:
            for system in systems:
                measurement = _load(system, scenario, options.seconds)
                results.add(system.name, scenario, measurement)
                print(
                    f"round {number + 1}: {scenario.name}: {system.name}: "
                    f"{measurement.rate * scenario.scale:,.0f}/s",
                    file=sys.stderr,
                )
    return results


def _load(system: System, scenario: Scenario, seconds: int) -> load.Measurement:
    used = system.cpu_seconds()
    measurement = load.run_wrk(
        system.url,
        system.body(),
        system.key,
        scenario,
        seconds,
        headers=system.headers,
    )
    return replace(measurement, cpu_seconds=system.cpu_seconds() - used)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Return where to install: a folder that goes at the end, or the one to be kept."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="signalbox-peers-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {_MODULE}")
    parser.add_argument("--quick", action="store_true", help="one short round")
    parser.add_argument("--write", action="store_true", help="to docs/benchmarks.md")
    parser.add_argument(
        "--keep", type=Path, metavar="FOLDER", help="install here, and leave it there"
    )
    parser.add_argument("--rounds", type=int, help="how often each load is repeated")
    parser.add_argument("--seconds", type=int, help="how long each load lasts")
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (3 if options.quick else 5)
    return options


if __name__ == "__main__":
    sys.exit(main())
