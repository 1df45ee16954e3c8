"""A web process is asked to end: what runs may finish, and what cannot is told so."""

import json
import signal
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.durability.bills import check_exact, wait_until_stored
from tests.durability.load import CANARY
from tests.durability.stand import Stand, Web, stand, until


class Stream:
    """A stream that is read in a thread, to its end."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self.lines: list[str] = []
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._read, args=[url, key, model])
        self._thread.start()

    def _read(self, url: str, key: str, model: str) -> None:
        content = f"Hello {CANARY}"
        body = {
            "model": model,
            "messages": [{"role": "user", "content": content}],
            "stream": True,
        }
        try:
            with httpx.stream(
                "POST",
                f"{url}/v1/chat/completions",
                json=body,
                headers={"authorization": f"Bearer {key}"},
                timeout=30,
            ) as response:
                self.lines += [line for line in response.iter_lines() if line]
        except httpx.HTTPError as error:
            self.error = error

    def has_begun(self) -> bool:
        return bool(self.lines)

    def read_to_end(self) -> list[str]:
        self._thread.join(40)
        assert not self._thread.is_alive()
        assert self.error is None, self.error
        return self.lines


@pytest.fixture
def stopped_web(quick_stand: Stand) -> Iterator[Web]:
    """The web process that the test stops; it is started again afterwards."""
    web = quick_stand.webs[0]
    yield web
    web.stop()
    web.start()
    web.wait_until_ready()


def test_open_streams_finish_when_the_process_is_asked_to_end(
    quick_stand: Stand, stopped_web: Web
) -> None:
    key = quick_stand.console.new_key()
    streams = [Stream(stopped_web.url, key, "long") for _ in range(5)]
    wait_until_begun(quick_stand, stopped_web, 5)

    assert stopped_web.stop() == 0

    for stream in streams:
        assert stream.read_to_end()[-1] == "data: [DONE]"
    wait_until_stored(quick_stand, at_most=10)
    check_exact(quick_stand)
    assert statuses(quick_stand) == {"ok"}
    check_nothing_left_but(quick_stand, stopped_web)


def test_streams_beyond_the_window_end_with_an_error_event_and_are_settled(
    quick_stand: Stand, stopped_web: Web
) -> None:
    stopped_web.stop()
    stopped_web.start(SIGNALBOX_DRAIN_SECONDS="1")
    stopped_web.wait_until_ready()
    key = quick_stand.console.new_key()
    streams = [Stream(stopped_web.url, key, "endless") for _ in range(5)]
    wait_until_begun(quick_stand, stopped_web, 5)

    began = time.monotonic()
    assert stopped_web.stop() == 0

    assert time.monotonic() - began < 10
    for stream in streams:
        last = json.loads(stream.read_to_end()[-1].removeprefix("data: "))
        assert last["error"]["code"] == "draining"
    wait_until_stored(quick_stand, at_most=10)
    check_exact(quick_stand)
    assert statuses(quick_stand) == {"incomplete"}
    check_nothing_left_but(quick_stand, stopped_web)


def test_an_answer_that_does_not_come_within_the_window_is_refused_and_settled(
    quick_stand: Stand, stopped_web: Web
) -> None:
    stopped_web.stop()
    stopped_web.start(SIGNALBOX_DRAIN_SECONDS="1")
    stopped_web.wait_until_ready()
    quick_stand.simulator.change("sim-bench-quick", latency_ms=20_000)
    key = quick_stand.console.new_key()
    answers: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: answers.append(ask(stopped_web, key)))
    thread.start()
    time.sleep(0.5)

    assert stopped_web.stop() == 0

    thread.join(10)
    assert answers[0].status_code == 503
    assert answers[0].json()["error"]["code"] == "draining"
    until(lambda: statuses(quick_stand) == {"cancelled"}, at_most=10)
    check_nothing_left_but(quick_stand, stopped_web)


def test_a_request_on_its_way_when_the_process_is_asked_to_end_is_answered() -> None:
    with stand(webs=1) as made:
        web = made.webs[0]
        url = httpx.URL(web.url)
        assert web.process is not None
        with socket.create_connection((url.host, url.port or 80), timeout=10) as client:
            until(lambda: len(web.client_connections()) == 1, at_most=10)
            web.process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            client.sendall(b"GET /health/liveness HTTP/1.1\r\nhost: localhost\r\n\r\n")
            said = b"".join(iter(lambda: client.recv(4096), b""))

        assert said.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nconnection: close\r\n" in said.lower()
        assert web.process.wait(30) == 0


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_other_process_takes_over_what_one_that_ends_does_not_accept() -> None:
    with stand(shared=True) as made:
        key = made.console.new_key()
        first = made.webs[0]
        streams = [Stream(first.url, key, "long") for _ in range(10)]
        until(lambda: all(stream.has_begun() for stream in streams), at_most=10)
        assert first.process is not None

        first.process.send_signal(signal.SIGTERM)
        while first.process.poll() is None:
            answer = ask(first, key)
            assert answer.status_code == 200, (answer.text, made.logs())

        assert first.process.returncode == 0
        for stream in streams:
            assert stream.read_to_end()[-1] == "data: [DONE]"
        assert ask(first, key).status_code == 200
        wait_until_stored(made, at_most=10)
        check_exact(made)


def wait_until_begun(made: Stand, web: Web, count: int) -> None:
    until(lambda: len(web.client_connections()) >= count, at_most=10)
    until(
        lambda: sum(call["billable"] for call in made.simulator.calls) >= count,
        at_most=10,
    )
    time.sleep(0.5)


def check_nothing_left_but(made: Stand, ended: Web) -> None:
    """The process that has ended has no connections to look at."""
    until(lambda: made.held_leases() == 0, at_most=2)
    until(
        lambda: not any(call["outcome"] == "open" for call in made.simulator.calls),
        at_most=5,
    )
    log = made.home / "log" / f"web-{ended.number}.log"
    assert CANARY not in log.read_text()
    assert "Traceback" not in log.read_text()


def statuses(made: Stand) -> set[str]:
    return {row[0] for row in made.sql("SELECT DISTINCT status FROM usage_usageevent")}


def ask(web: Web, key: str) -> httpx.Response:
    body = {"model": "quick", "messages": [{"role": "user", "content": "Hello"}]}
    return httpx.post(
        f"{web.url}/v1/chat/completions",
        json=body,
        headers={"authorization": f"Bearer {key}"},
        timeout=30,
    )
