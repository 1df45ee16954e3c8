"""A hundred thousand projects and a million keys: as quick as ten projects.

One test after the other on one installation, because filling it takes a minute. The web
processes that are measured have one core, everything else has the other.
"""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from tests.benchmarks.load import SCRIPT
from tests.durability.conftest import Note
from tests.durability.load import percentile
from tests.durability.seeding import (
    KEYS_PER_PROJECT,
    key_text,
    seed_events,
    seed_tenants,
)
from tests.durability.stand import Stand, Web, stand, until

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

MANY_PROJECTS = 100_000
FEW_PROJECTS = 10
EVENTS = 1_000_000

COLD_SECONDS = 0.020
PAGE_SECONDS = 0.5
FLAT = 0.10
ROUNDS = 7
SECONDS = 4
CLIENTS = 16

BODY = json.dumps(
    {"model": "quick", "messages": [{"role": "user", "content": "Hello"}]}
)
LISTS = {
    "projects": "/admin/tenants/project/",
    "API keys": "/admin/tenants/apikey/",
    "usage events": "/admin/usage/usageevent/",
}
SEARCHES = {
    "projects, searched": "/admin/tenants/project/?q=project-77777",
    "API keys, searched": "/admin/tenants/apikey/?q=00000000777777",
    "projects, last page": "/admin/tenants/project/?p=900",
}


@dataclass(frozen=True)
class Run:
    """What one load cost."""

    rate: float
    cpu_us: float
    p99_ms: float


@pytest.fixture(scope="module")
def large() -> Iterator[Stand]:
    """An installation with all those tenants, and a million events."""
    with stand(throwaway=False, webs=1) as made:
        seed_tenants(made, MANY_PROJECTS)
        made.webs[0].stop()
        made.webs[0].start()
        made.webs[0].wait_until_ready()
        yield made


def test_the_first_request_of_a_cold_key_is_quick(large: Stand, note: Note) -> None:
    numbers = [n * 9973 % (MANY_PROJECTS * KEYS_PER_PROJECT) for n in range(101)]
    with closing(Client(large.webs[0])) as client:
        # The first read of all opens the connection to the database.
        client.ask(key_text(numbers[0]))

        cold = [client.ask(key_text(number)) for number in numbers[1:]]
        warm = [client.ask(key_text(number)) for number in numbers[1:]]

    for name, seconds in (("cold", cold), ("warm", warm)):
        figures = [round(percentile(seconds, p) * 1000, 2) for p in (0.5, 0.95, 1.0)]
        note(f"{name} key, ms (median, p95, max)", figures)
    assert percentile(cold, 0.95) < COLD_SECONDS


def test_warm_requests_cost_the_same_as_with_ten_projects(
    large: Stand, tmp_path: Path, note: Note
) -> None:
    few = range(FEW_PROJECTS * KEYS_PER_PROJECT)
    spread = range(0, MANY_PROJECTS * KEYS_PER_PROJECT, 499)
    with stand(throwaway=False, webs=1) as small:
        seed_tenants(small, FEW_PROJECTS)
        small.webs[0].stop()
        small.webs[0].start()
        small.webs[0].wait_until_ready()
        sides = {
            "10 projects": (small.webs[0], keys_file(tmp_path / "small", few)),
            "100,000 projects, the same 100 keys": (
                large.webs[0],
                keys_file(tmp_path / "few", few),
            ),
            "100,000 projects, 2,005 keys of as many projects": (
                large.webs[0],
                keys_file(tmp_path / "spread", spread),
            ),
        }
        runs = take_turns(sides)

    base = runs["10 projects"]
    for name, found in runs.items():
        note(
            f"{name}: requests/s, CPU µs, p99 ms (medians)",
            (
                round(middle([run.rate for run in found])),
                round(middle([run.cpu_us for run in found]), 1),
                round(middle([run.p99_ms for run in found]), 1),
            ),
        )
        # Within a round, so that a noisy neighbour meets both sides.
        rate = middle([a.rate / b.rate for a, b in zip(found, base, strict=True)])
        cpu = middle([a.cpu_us / b.cpu_us for a, b in zip(found, base, strict=True)])
        note(f"{name}: ratio of requests/s, of CPU", (round(rate, 3), round(cpu, 3)))
        assert cpu < 1 + FLAT, name


def test_the_memory_of_a_web_process_stays_bounded(large: Stand, note: Note) -> None:
    web = large.webs[0]
    web.stop()
    web.start()
    web.wait_until_ready()
    with closing(Client(web)) as client:
        client.ask(key_text(0))
        before = web.rss_mb()

        # Five keys each of ten thousand projects: as many keys as a process holds.
        touched = range(0, 10_000 * KEYS_PER_PROJECT, 2)
        began = time.monotonic()
        for number in touched:
            client.list_models(key_text(number))
        seconds = time.monotonic() - began
        full = web.rss_mb()
        for number in range(500_000, 560_000, 3):
            client.list_models(key_text(number))
        beyond = web.rss_mb()

    note("keys touched, per second", (len(touched), round(len(touched) / seconds)))
    note("RSS MB before, after 50,000 keys", (round(before), round(full)))
    note("RSS MB after 20,000 others", round(beyond))
    assert full - before < 400
    assert beyond - full < 60


def test_the_lists_of_the_admin_open_quickly(large: Stand, note: Note) -> None:
    with closing(Client(large.webs[0])) as client:
        client.ask(key_text(5))
    until(lambda: large.sql("SELECT 1 FROM usage_usageevent LIMIT 1"), at_most=10)
    seed_events(large, EVENTS)
    session = large.console.do("make_operator")

    slow = []
    with httpx.Client(base_url=large.webs[0].url, timeout=60) as browser:
        browser.cookies.set("sessionid", session)
        # Templates and URL patterns are read once by each process.
        browser.get("/admin/")
        for name, path in {**LISTS, **SEARCHES}.items():
            seconds = [time_page(browser, path) for _ in range(6)]
            first, rest = seconds[0], middle(seconds[1:])
            note(f"{name}: ms (first, then)", (round(first * 1000), round(rest * 1000)))
            if name in LISTS and rest > PAGE_SECONDS:
                slow.append(name)
    assert not slow


class Client:
    """One connection that is kept open."""

    def __init__(self, web: Web) -> None:
        address = urlsplit(web.url)
        self._http = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=30
        )

    def close(self) -> None:
        self._http.close()

    def ask(self, key: str) -> float:
        """Send a chat request and return how long its answer took."""
        began = time.monotonic()
        status = self._send("POST", "/v1/chat/completions", key, BODY)
        seconds = time.monotonic() - began
        assert status == 200
        return seconds

    def list_models(self, key: str) -> None:
        assert self._send("GET", "/v1/models", key) == 200

    def _send(self, method: str, path: str, key: str, body: str | None = None) -> int:
        self._http.request(method, path, body, {"authorization": f"Bearer {key}"})
        reply = self._http.getresponse()
        reply.read()
        return reply.status


def keys_file(path: Path, numbers: Sequence[int]) -> Path:
    path.write_text("".join(f"{key_text(number)}\n" for number in numbers))
    return path


def take_turns(sides: dict[str, tuple[Web, Path]]) -> dict[str, list[Run]]:
    """Load each side in turn, several times over; the first turn only warms up."""
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    cores = sorted(os.sched_getaffinity(0))
    try:
        for each in psutil.Process().children(recursive=True):
            each.cpu_affinity([cores[-1]])
        for web, _ in sides.values():
            psutil.Process(web.pid).cpu_affinity([cores[0]])
        for number in range(ROUNDS + 1):
            for name, (web, keys) in sides.items():
                run = load(web, keys, cores[-1])
                if number:
                    runs[name].append(run)
    finally:
        for web, _ in sides.values():
            psutil.Process(web.pid).cpu_affinity(cores)
    return runs


def load(web: Web, keys: Path, core: int) -> Run:
    environment = {
        **os.environ,
        "BENCH_BODY": BODY,
        "BENCH_KEY": "",
        "BENCH_KEYS": str(keys),
        "BENCH_SCRIPT": str(SCRIPT),
    }
    script = Path(__file__).with_name("many_keys.lua")
    before = web.cpu_seconds()
    done = subprocess.run(
        [
            *("taskset", "-c", str(core), "wrk", "-t1", f"-c{CLIENTS}"),
            *(f"-d{SECONDS}s", "--timeout=10s", "-s", str(script)),
            f"{web.url}/v1/chat/completions",
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["errors"] == 0, found
    return Run(
        rate=found["requests"] / found["duration_us"] * 1e6,
        cpu_us=(web.cpu_seconds() - before) / found["requests"] * 1e6,
        p99_ms=found["p99_us"] / 1000,
    )


def time_page(browser: httpx.Client, path: str) -> float:
    began = time.monotonic()
    answer = browser.get(path)
    seconds = time.monotonic() - began
    assert answer.status_code == 200, (path, answer.status_code)
    return seconds


def middle(values: Sequence[float]) -> float:
    return percentile(values, 0.5)
