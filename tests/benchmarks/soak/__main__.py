"""python -m tests.benchmarks.soak [--minutes N] [--rate N]"""

import argparse
import json
import os
import subprocess
import sys
import time

import httpx

from config.embedded import CHECKOUT
from tests.benchmarks.machine import describe
from tests.benchmarks.soak import vitals
from tests.benchmarks.soak.edits import Edits
from tests.benchmarks.soak.traffic import Traffic
from tests.benchmarks.soak.verdict import (
    Verdict,
    on_bills,
    on_leaks,
    on_memory,
    on_traffic,
)
from tests.durability.bills import wait_until_stored
from tests.durability.stand import Stand, stand, until

_WEBS = 2
# A third of the time, but not more, goes by before memory is looked at.
_MOST_WARM_UP_S = 180.0
# Connections to providers stay open for half a minute of idleness.
_IDLE_S = 60.0
_STORED_S = 60.0
_FIRST_TRAFFIC_S = 5.0


def main() -> int:
    options = _options()
    print("\n".join(f"- {line}" for line in describe()))
    print(f"- load average before: {os.getloadavg()[0]:.1f}", flush=True)
    with stand(webs=_WEBS, web_module="tests.benchmarks.soak.watched_web") as made:
        keys = _rows(made)
        verdict = _soak(made, keys, options)
    print("\n".join(verdict.lines))
    for fault in verdict.faults:
        print(f"WRONG: {fault}")
    print("nothing wrong" if not verdict.faults else "FAILED")
    return 1 if verdict.faults else 0


def _soak(made: Stand, keys: dict[str, str], options: argparse.Namespace) -> Verdict:
    seconds = options.minutes * 60
    warm_up = min(_MOST_WARM_UP_S, seconds / 3)
    pids = [web.pid for web in made.webs]
    verdict = Verdict()
    # Pools and threads that are made on first use are no leak.
    with Traffic(made.urls, keys, options.rate), Edits(made.console):
        time.sleep(_FIRST_TRAFFIC_S)
    _wait_until_idle(made)
    before = [vitals.holding(pid, made.home) for pid in pids]
    made.forget()
    with vitals.Memory(pids) as memory:
        began = time.monotonic()
        traffic, edits = Traffic(made.urls, keys, options.rate), Edits(made.console)
        with traffic, edits:
            _wait(seconds)
        ran = time.monotonic() - began
    stored = wait_until_stored(made, at_most=_STORED_S)
    _wait_until_idle(made)
    after = [vitals.holding(pid, made.home) for pid in pids]
    on_traffic(verdict, traffic, ran)
    verdict.check("changes of the configuration", edits.made, is_good=edits.made > 0)
    on_memory(verdict, memory.between(began + warm_up, began + seconds))
    on_leaks(verdict, before, after)
    verdict.check("all events stored after s", f"{stored:.1f}", is_good=True)
    unshipped = sum(_unshipped(made))
    verdict.check("bytes left in the spool", unshipped, is_good=not unshipped)
    on_bills(verdict, made, traffic)
    verdict.check(
        "tracebacks in the logs",
        made.logs().count("Traceback"),
        is_good="Traceback" not in made.logs(),
    )
    return verdict


def _wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 60.0))
        print(f"{max(0.0, end - time.monotonic()):.0f} s left", file=sys.stderr)


def _wait_until_idle(made: Stand) -> None:
    """Wait until no connection is left that only a request needs."""
    until(lambda: made.held_leases() == 0, at_most=_IDLE_S)
    for web in made.webs:
        until(lambda web=web: not web.connections(), at_most=_IDLE_S)  # type: ignore[misc]


def _unshipped(made: Stand) -> list[int]:
    """Return how many bytes each process has still to ship, as its metrics say."""
    text = httpx.get(f"{made.urls[0]}/metrics").text
    return [
        int(float(line.rpartition(" ")[2]))
        for line in text.splitlines()
        if line.startswith("signalbox_spool_unshipped_bytes{")
    ]


def _rows(made: Stand) -> dict[str, str]:
    """Make what is asked for; return the keys by project."""
    command = [sys.executable, "-m", "tests.benchmarks.soak.rows", made.simulator.url]
    done = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=made.environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    keys: dict[str, str] = json.loads(done.stdout.strip().splitlines()[-1])
    return keys


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=150.0, help="requests a second")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
