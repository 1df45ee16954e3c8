"""A provider goes away, or fails at everything: requests go on, and few are made in vain."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import httpx
import pytest

from gateway.simulator.handle import SimulatorProcess
from tests.durability.bills import wait_until_stored
from tests.durability.conftest import Note
from tests.durability.load import Answer, Load, percentile
from tests.durability.stand import Stand, stand, until

SLOW_SECONDS = 0.1
MAX_SLOW = 5
RECOVERY_SECONDS = 35.0
REFUSED_SECONDS = 0.01
# On a machine that does other things, too.
SLACK = 10

# What is at the address of a provider that has gone.
Remains = Callable[[int], AbstractContextManager[None]]


def nothing(port: int) -> AbstractContextManager[None]:
    """Let connections be refused."""
    return nullcontext()


@contextmanager
def black_hole(port: int) -> Iterator[None]:
    """Let connections wait for ever: nobody takes them, and the queue is full."""
    with socket.socket() as hole:
        hole.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hole.bind(("127.0.0.1", port))
        hole.listen(0)
        waiting = []
        while True:
            one = socket.socket()
            one.settimeout(0.1)
            waiting.append(one)
            try:
                one.connect(("127.0.0.1", port))
            except TimeoutError:
                break
        yield
        for one in waiting:
            one.close()


def test_requests_go_on_while_the_first_provider_is_killed(
    quick_stand: Stand, note: Note
) -> None:
    slow = without_first(quick_stand, 4.0, 100, note, nothing)

    assert slow <= MAX_SLOW * SLACK


def test_requests_go_on_while_the_first_provider_swallows_connections(
    quick_stand: Stand, note: Note
) -> None:
    slow = without_first(quick_stand, 4.0, 100, note, black_hole)

    assert slow <= MAX_SLOW * SLACK


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("remains", [nothing, black_hole])
def test_requests_go_on_while_the_first_provider_is_gone_for_half_a_minute(
    note: Note, remains: Remains
) -> None:
    with stand(throwaway=False) as made:
        slow = without_first(made, 30.0, 200, note, remains)

    assert slow <= MAX_SLOW


def test_a_storm_of_errors_is_not_made_worse(quick_stand: Stand, note: Note) -> None:
    usual = in_a_storm(quick_stand, 3.0, 100, note)

    assert usual < REFUSED_SECONDS * SLACK


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_long_storm_of_errors_is_not_made_worse(note: Note) -> None:
    with stand(throwaway=False) as made:
        usual = in_a_storm(made, 20.0, 200, note)

    assert usual < REFUSED_SECONDS


def without_first(
    made: Stand, seconds: float, rate: int, note: Note, remains: Remains
) -> int:
    """Kill the first provider under load and start it again; returns the most that a
    process let wait."""
    key = made.console.new_key()
    alias = f"outage-{time.time_ns()}"
    with first_provider(made, alias) as (port, first):
        load = Load(
            made.urls,
            key,
            rate=rate,
            streams=2,
            plain_model=alias,
            stream_model=f"{alias}-stream",
        )
        with load:
            time.sleep(max(2.0, seconds / 3))
            gone = time.monotonic()
            first.process.kill()
            first.process.wait()
            with remains(port):
                time.sleep(max(0.0, gone + seconds - time.monotonic()))
            back = time.monotonic()
            with on_port(port):
                until(
                    lambda: all(
                        any(
                            answer.provider == "first" and answer.url == url
                            for answer in load.between(back, time.monotonic())
                            if not answer.streamed
                        )
                        for url in made.urls
                    ),
                    at_most=RECOVERY_SECONDS,
                )
                recovered = time.monotonic() - back
                time.sleep(1.0)
                load.stop()
    wait_until_stored(made, at_most=30)

    before, during = load.between(0, gone), load.between(gone, back)
    # Who was asked right before is one of those who had to go elsewhere.
    elsewhere = [
        (round(gone - a.began, 3), round(a.seconds, 3), a.provider, a.status)
        for a in plain(before)
        if a.provider != "first" and a.began + a.seconds < gone
    ]
    assert not elsewhere
    # A stream that had begun when its provider died ends with an error; no other request.
    asked = plain(load.answers)
    bad = [answer for answer in asked if not answer.went_well]
    usual = percentile([a.seconds for a in plain(before)], 0.5)
    slow = [
        sum(a.seconds > usual + SLOW_SECONDS for a in plain(during) if a.url == url)
        for url in made.urls
    ]
    assert len(bad) <= 0.001 * len(asked), bad[:3]
    note("without the first provider for s", round(back - gone, 1))
    note("requests (failed)", (len(asked), len(bad)))
    note("p50 ms before, during", (ms(plain(before), 0.5), ms(plain(during), 0.5)))
    note("p99 ms before, during", (ms(plain(before), 0.99), ms(plain(during), 0.99)))
    note("slower by 100 ms, by process", slow)
    note("first provider used again by all after s", round(recovered, 1))
    return max(slow)


def in_a_storm(made: Stand, seconds: float, rate: int, note: Note) -> float:
    """Let every answer be an error for a while; returns the p99 of the refusals."""
    key = made.console.new_key()
    for url in made.urls:
        assert _who(url, key, "quick") == "sim"
    made.simulator.reset()
    made.simulator.change(fault="500")
    try:
        with Load(made.urls, key, rate=rate) as load:
            time.sleep(seconds)
    finally:
        made.simulator.change(fault=None)
    attempts = len(made.simulator.calls)
    made.simulator.reset()
    # Others find the provider well again.
    time.sleep(1.0)

    refused = [a for a in load.answers if a.status == 503]
    assert {answer.status for answer in load.answers} <= {502, 503}
    assert attempts <= 1.2 * len(load.answers)
    assert len(refused) > 0.5 * len(load.answers)
    note("requests, attempts", (len(load.answers), attempts))
    note("refused at once", len(refused))
    note(
        "p50, p90, p99 ms of these", [ms(refused, share) for share in (0.5, 0.9, 0.99)]
    )
    return percentile([answer.seconds for answer in refused], 0.99)


@contextmanager
def first_provider(made: Stand, alias: str) -> Iterator[tuple[int, SimulatorProcess]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with on_port(port) as first:
        made.console.do("put_before", url=first.url, alias=alias)
        key = made.console.new_key()
        for url in made.urls:
            until(lambda url=url: _who(url, key, alias) == "first", at_most=10)  # type: ignore[misc]
        yield port, first


@contextmanager
def on_port(port: int) -> Iterator[SimulatorProcess]:
    arguments = ["--any-model", "--no-ledger", "--port", str(port)]
    with SimulatorProcess(arguments) as simulator:
        yield simulator


def _who(url: str, key: str, alias: str) -> str:
    """Return the provider that answers, empty when nobody does."""
    body = {"model": alias, "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    response = httpx.post(f"{url}/v1/chat/completions", json=body, headers=headers)
    return str(response.headers.get("x-signalbox-provider", ""))


def plain(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if not answer.streamed]


def ms(answers: list[Answer], share: float) -> float:
    return round(percentile([a.seconds for a in answers], share) * 1000, 1)
