"""The key-encryption key is rotated while requests use what it seals."""

import base64
import itertools
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Self

import httpx
import pytest

from config.embedded import CHECKOUT
from tests.durability.conftest import Note
from tests.durability.stand import Stand, stand, until


class Asking:
    """Sends requests with each key in turn, from a thread, until it is left."""

    def __init__(self, urls: list[str], keys: list[str]) -> None:
        self._urls = itertools.cycle(f"{url}/v1/chat/completions" for url in urls)
        self._keys = itertools.cycle(keys)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.statuses: Counter[int] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join(30)

    def _ask(self) -> None:
        body = {"model": "sealed", "messages": [{"role": "user", "content": "hello"}]}
        # A connection for each: a process that is replaced would break a kept one.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(limits=limits, timeout=30) as http:
            while not self._over.is_set():
                headers = {"authorization": f"Bearer {next(self._keys)}"}
                try:
                    answer = http.post(next(self._urls), json=body, headers=headers)
                    self.statuses[answer.status_code] += 1
                except httpx.TransportError:
                    self.statuses[0] += 1
                time.sleep(0.005)


def rotate_under_load(credentials: int, keys: int, note: Note) -> None:
    with stand(webs=2) as made:
        texts = made.console.do(
            "seal_credentials", url=made.simulator.url, count=credentials, keys=keys
        )
        first = made.environment["SIGNALBOX_KEK"]
        fresh = f"k2:{base64.b64encode(secrets.token_bytes(32)).decode()}"
        with Asking(made.urls, texts) as asking:
            until(lambda: asking.statuses[200] >= keys, at_most=60)
            restart_in_turn(made, f"{fresh},{first}")
            began = time.monotonic()
            said = rotate_keys(made)
            note("seconds for the rotation", round(time.monotonic() - began, 1))
            restart_in_turn(made, fresh)
            before = asking.statuses[200]
            until(lambda: asking.statuses[200] >= before + keys, at_most=60)
        note("answers by status", dict(asking.statuses))
        # Every project, and the installation if it sealed anything.
        assert int(said.split()[0]) >= credentials
        kek_ids = made.sql("SELECT DISTINCT kek_id FROM tenants_datakey")
    assert kek_ids == [("k2",)]
    assert set(asking.statuses) == {200}


def restart_in_turn(made: Stand, keks: str) -> None:
    made.environment["SIGNALBOX_KEK"] = keks
    for web in made.webs:
        web.stop()
        # Its socket stays: who connects meanwhile waits for the next process.
        web.start()
        web.wait_until_ready()


def rotate_keys(made: Stand) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "rotate_keys"],
        cwd=CHECKOUT,
        env=made.environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.mark.timeout(300)
def test_no_request_fails_while_keys_are_rotated(note: Note) -> None:
    rotate_under_load(200, 20, note)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_credentials_are_rotated_under_load(note: Note) -> None:
    rotate_under_load(10_000, 500, note)
