"""What a known answer costs: `python -m tests.benchmarks.cache_hits [ROUNDS] [SECONDS]`.

Loads one web process on a core of its own with three requests in turn, round by round:

- bare: a request that is authenticated, read and answered, and nothing else: no limits, no
  routing, no metering, no upstream (an estimated token count of the same body);
- hit: the answer to a chat request, from the process's memory, with limits and metering;
- asked: the same request with its answer from the simulator.

What a hit adds is the median over the rounds of its difference to the bare request.
"""

import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import psycopg

from gateway.simulator import SimulatorProcess
from tests.benchmarks import load
from tests.benchmarks.load import PATH, Measurement, Scenario
from tests.benchmarks.machine import Cores
from tests.benchmarks.systems import Storage, System, gateway, storage

_CLIENTS = (1, 16)
_WARM_UP_SECONDS = 2
_ONE_BY_ONE = 500

_BARE_PATH = "/v1/messages/count_tokens"


@dataclass
class Kind:
    """A request, and what was measured of it, by the number of clients."""

    name: str
    path: str
    body: dict[str, object]
    found: dict[int, list[Measurement]] = field(default_factory=dict)

    def median(self, clients: int, figure: Callable[[Measurement], float]) -> float:
        return statistics.median(map(figure, self.found[clients]))


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    load.check_wrk()
    cores = Cores()
    cores.keep_rest()
    with (
        SimulatorProcess(["--no-ledger"]) as simulator,
        storage() as store,
        gateway(cores, store, simulator.url) as ours,
    ):
        _switch_on(store)
        bare = Kind("bare", _BARE_PATH, ours.body())
        hit = Kind("hit", PATH, ours.body())
        # What is sampled is not kept.
        asked = Kind("asked", PATH, {**ours.body(), "temperature": 0.7})
        with _client(ours) as http:
            while http.post(PATH, json=hit.body).headers["x-signalbox-cache"] != "hit":
                pass
            for kind in (hit, asked):
                _tell_overhead(kind, http)
        kinds = (bare, hit, asked)
        for kind in kinds:
            _run(kind, ours, 16, _WARM_UP_SECONDS)
        for clients in _CLIENTS:
            for _ in range(rounds):
                for kind in kinds:
                    measured = _run(kind, ours, clients, seconds)
                    kind.found.setdefault(clients, []).append(measured)
        _tell(kinds)


def _switch_on(store: Storage) -> None:
    with psycopg.connect(store.environment["DATABASE_URL"]) as connection:
        connection.execute(
            "UPDATE tenants_project SET cache = '{\"enabled\": true}' "
            "WHERE slug = 'bench'"
        )


def _client(system: System) -> httpx.Client:
    headers = {"authorization": f"Bearer {system.key}"}
    return httpx.Client(base_url=system.url, headers=headers)


def _tell_overhead(kind: Kind, http: httpx.Client) -> None:
    """Print how long an answer takes inside of the gateway, by its own clock."""
    taken = []
    for _ in range(_ONE_BY_ONE):
        head = http.post(kind.path, json=kind.body).headers
        taken.append(float(head["x-signalbox-overhead-ms"]))
    median = statistics.median(taken)
    print(f"{kind.name}, one by one: x-signalbox-overhead-ms {median:.3f}", flush=True)


def _run(kind: Kind, system: System, clients: int, seconds: int) -> Measurement:
    scenario = Scenario(streamed=False, clients=clients)
    used = system.cpu_seconds()
    found = load.run_wrk(
        system.url, kind.body, system.key, scenario, seconds, kind.path
    )
    used = system.cpu_seconds() - used
    return Measurement(
        found.requests,
        found.errors,
        found.rate,
        found.p50_ms,
        found.p99_ms,
        found.seconds,
        used,
    )


def _tell(kinds: tuple[Kind, Kind, Kind]) -> None:
    bare, hit, _ = kinds
    for clients in _CLIENTS:
        for kind in kinds:
            print(
                f"{kind.name}, {clients} clients: "
                f"{kind.median(clients, lambda m: m.rate):,.0f}/s, "
                f"p50 {kind.median(clients, lambda m: m.p50_ms):.3f} ms, "
                f"{kind.median(clients, lambda m: m.cpu_us):.0f} us of processor time, "
                f"{sum(m.errors for m in kind.found[clients])} errors"
            )
        pairs = list(zip(hit.found[clients], bare.found[clients], strict=True))
        added_us = statistics.median(h.cpu_us - b.cpu_us for h, b in pairs)
        added_ms = statistics.median(h.p50_ms - b.p50_ms for h, b in pairs)
        print(
            f"a hit adds, {clients} clients: {added_us:.0f} us of processor time, "
            f"{added_ms:.3f} ms at the median",
            flush=True,
        )


if __name__ == "__main__":
    main()
