"""What a Sentry of our own, on loopback, is told of an error."""

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from config.embedded import CHECKOUT

FAILS = """
import logging
from django.conf import settings
settings.DEBUG
secret = "canary-in-a-variable"
try:
    raise ValueError("canary-in-words")
except ValueError:
    logging.getLogger("demo").exception("it failed for %s", "canary-in-arguments")
"""


class Receiver:
    """Takes envelopes as Sentry does."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        received = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append(gzip.decompress(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.dsn = f"http://key@127.0.0.1:{self.server.server_port}/1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def run(dsn: str) -> "subprocess.CompletedProcess[str]":
    settings = {"SENTRY_DSN": dsn, "DJANGO_SETTINGS_MODULE": "config.settings_test"}
    return subprocess.run(
        [sys.executable, "-c", FAILS],
        cwd=CHECKOUT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_error_is_told_without_a_word_of_what_was_sent(receiver: Receiver) -> None:
    assert run(receiver.dsn).returncode == 0

    told = b"".join(receiver.bodies)
    assert b'"it failed for %s"' in told
    assert b'"ValueError"' in told
    assert b'"lineno"' in told
    assert b"canary" not in told


def test_what_is_no_address_of_sentry_is_told_at_once() -> None:
    ended = run("sentry.example.com")

    assert ended.returncode != 0
    assert "SENTRY_DSN is no address of Sentry" in ended.stderr
