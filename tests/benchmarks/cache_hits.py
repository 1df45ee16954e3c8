"""What a known answer costs: `python -m tests.benchmarks.cache_hits [SECONDS]`.

Loads one web process on a core of its own: without the cache, then with every request
a hit from the process's memory.
"""

import statistics
import sys

import httpx
import psycopg

from gateway.simulator import SimulatorProcess
from tests.benchmarks import load
from tests.benchmarks.load import Scenario
from tests.benchmarks.machine import Cores
from tests.benchmarks.systems import Storage, System, gateway, storage

_CLIENTS = (1, 16)
_WARM_UP_SECONDS = 2
_ONE_BY_ONE = 300


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    load.check_wrk()
    cores = Cores()
    cores.keep_rest()
    with (
        SimulatorProcess(["--no-ledger"]) as simulator,
        storage() as store,
        gateway(cores, store, simulator.url) as ours,
    ):
        _tell_overhead("no cache", ours)
        _measure("no cache", ours, seconds)
        _switch_on(store)
        while _answer_head(ours)["x-signalbox-cache"] != "hit":
            pass
        _tell_overhead("memory hits", ours)
        _measure("memory hits", ours, seconds)


def _switch_on(store: Storage) -> None:
    with psycopg.connect(store.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "UPDATE tenants_project SET cache = '{\"enabled\": true}' "
            "WHERE slug = 'bench'"
        )


def _answer_head(system: System) -> httpx.Headers:
    reply = httpx.post(
        f"{system.url}/v1/chat/completions",
        json=system.body(),
        headers={"authorization": f"Bearer {system.key}"},
    )
    return reply.headers


def _tell_overhead(name: str, system: System) -> None:
    """Print how long an answer takes inside of the gateway, by its own clock."""
    heads = [_answer_head(system) for _ in range(_ONE_BY_ONE)]
    taken = [float(head["x-signalbox-overhead-ms"]) for head in heads]
    median = statistics.median(taken)
    print(f"{name}, one by one: {median:.3f} ms in the gateway", flush=True)


def _measure(name: str, system: System, seconds: int) -> None:
    for clients in _CLIENTS:
        scenario = Scenario(streamed=False, clients=clients)
        load.run_wrk(system.url, system.body(), system.key, scenario, _WARM_UP_SECONDS)
        used = system.cpu_seconds()
        found = load.run_wrk(system.url, system.body(), system.key, scenario, seconds)
        used = system.cpu_seconds() - used
        print(
            f"{name}, {clients} clients: {found.rate:,.0f}/s, "
            f"p50 {found.p50_ms:.3f} ms, p99 {found.p99_ms:.3f} ms, "
            f"{used / found.requests * 1e6:.0f} us of processor time each, "
            f"{found.errors} errors",
            flush=True,
        )


if __name__ == "__main__":
    main()
