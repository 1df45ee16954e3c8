"""Runs `wrk` and reads what it measured."""

import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.simulator.bench import EVENTS

SCRIPT = Path(__file__).with_name("post.lua")
PATH = "/v1/chat/completions"


class NoLoadGenerator(Exception):
    """`wrk` is not installed."""


@dataclass(frozen=True)
class Scenario:
    """One kind of load: plain or streamed, from so many clients.

    `upstream` is whose protocol the provider speaks; the clients speak OpenAI's.
    """

    streamed: bool
    clients: int
    upstream: str = "openai"

    @property
    def name(self) -> str:
        if self.is_translated:
            return f"translated from {self.upstream}, {self.clients} clients"
        return f"{'streamed' if self.streamed else 'plain'}, {self.clients} clients"

    @property
    def is_translated(self) -> bool:
        return self.upstream != "openai"

    @property
    def scale(self) -> int:
        """What one answer counts for: a stream is worth the events that clients get."""
        return EVENTS if self.streamed else 1


SCENARIOS = [
    Scenario(streamed, clients) for streamed in (False, True) for clients in (1, 16, 64)
]
# What the gateway alone can do.
TRANSLATED = [Scenario(True, 16, upstream) for upstream in ("anthropic", "gemini")]


@dataclass(frozen=True)
class Measurement:
    """One run: rates per second, and latencies in milliseconds of whole answers."""

    requests: int
    errors: int
    rate: float
    p50_ms: float
    p99_ms: float
    seconds: float
    cpu_seconds: float = 0.0

    @property
    def cpu_us(self) -> float:
        """Processor time of the loaded process for each answer."""
        return self.cpu_seconds / max(1, self.requests) * 1e6

    @property
    def busy(self) -> float:
        """How much of its core the loaded process used, from 0 to 1."""
        return self.cpu_seconds / self.seconds


@dataclass(frozen=True)
class Spread:
    """The median of several runs, and the extremes."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


def check_wrk() -> None:
    if shutil.which("wrk") is None:
        raise NoLoadGenerator("wrk is missing: install your system's package `wrk`.")


def run_wrk(
    url: str,
    body: dict[str, object],
    key: str,
    scenario: Scenario,
    seconds: int,
    path: str = PATH,
    headers: Mapping[str, str] | None = None,
) -> Measurement:
    """Load one server; the latencies are those that wrk's clients saw."""
    if scenario.streamed:
        body = {**body, "stream": True}
    command = [
        "wrk",
        "-t1",
        f"-c{scenario.clients}",
        f"-d{seconds}s",
        "--timeout=10s",
    ]
    command += ["-s", str(SCRIPT), f"{url}{path}"]
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "BENCH_BODY": json.dumps(body),
            "BENCH_KEY": key,
            "BENCH_HEADERS": "\n".join(f"{k}: {v}" for k, v in (headers or {}).items()),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.strip().splitlines()[-1])
    seconds_taken = found["duration_us"] / 1e6
    return Measurement(
        requests=found["requests"],
        errors=found["errors"],
        rate=found["requests"] / seconds_taken,
        p50_ms=found["p50_us"] / 1000,
        p99_ms=found["p99_us"] / 1000,
        seconds=seconds_taken,
    )
