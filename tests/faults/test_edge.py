"""Requests that a client sends out of carelessness or malice, over a raw socket."""

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest

from gateway.simulator import Simulator
from tests.faults.asking import PATH, ask, body, code_of
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

Send = Callable[[bytes], bytes]
GOOD = orjson.dumps(body())


@pytest.fixture
def send(live: LiveGateway) -> Send:
    """Send bytes on a connection of its own; return all that comes until its end."""

    def send(data: bytes) -> bytes:
        parts = urlsplit(live.url)
        with socket.create_connection((parts.hostname, parts.port), 5) as connection:
            connection.sendall(data)
            received = b""
            while piece := connection.recv(65536):
                received += piece
        return received

    return send


def request_of(key: str, *lines: str, content: bytes = GOOD) -> bytes:
    start = [f"POST {PATH} HTTP/1.1", f"authorization: Bearer {key}"]
    start += ["connection: close", *lines]
    return "\r\n".join(start).encode("latin-1") + b"\r\n\r\n" + content


LENGTH = f"content-length: {len(GOOD)}"
AMBIGUOUS = {
    "a length and chunks": [LENGTH, "transfer-encoding: chunked"],
    "chunks and a length": ["transfer-encoding: chunked", LENGTH],
    "two lengths": [LENGTH, "content-length: 5"],
    "an encoding that is none": ["transfer-encoding: xchunked", LENGTH],
    "a folded line": [LENGTH, "x-a: b\r\n c: folded"],
    "a blank before the colon": [f"content-length : {len(GOOD)}"],
    "a signed length": [f"content-length: +{len(GOOD)}"],
    "a bare line feed": [f"{LENGTH}\nx-a: b"],
}


def test_a_body_whose_end_is_not_plain_is_refused_c6(
    send: Send, key: str, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    answers = {
        name: send(request_of(key, "host: x", *lines))
        for name, lines in AMBIGUOUS.items()
    }

    statuses = {name: answer[:13] for name, answer in answers.items()}
    assert statuses == dict.fromkeys(AMBIGUOUS, b"HTTP/1.1 400 ")
    # What follows on the connection is not read as a second request.
    assert {answer.count(b"HTTP/1.1") for answer in answers.values()} == {1}
    assert upstream.calls == []


def test_a_request_names_one_host_c7(
    send: Send, key: str, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    for lines in ([], ["host: a", "host: b"], ["host: a", "Host: a"]):
        answer = send(request_of(key, LENGTH, *lines))

        assert answer.startswith(b"HTTP/1.1 400 "), (lines, answer[:200])
    assert upstream.calls == []


def test_the_host_of_an_older_client_may_be_missing_c7(send: Send) -> None:
    answer = send(b"GET /health/liveness HTTP/1.0\r\n\r\n")

    assert b" 200 " in answer.splitlines()[0]


def test_a_hostile_host_stands_nowhere_in_an_answer_c7(
    send: Send, key: str, offer: Offer
) -> None:
    offer("sim-chat")

    for host in ("evil.example", "a\tb", "[::1", "x" * 5_000):
        answer = send(request_of(key, f"host: {host}", LENGTH))

        assert answer.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 "))
        assert host.encode() not in answer


AMBIGUOUS_JSON = {
    "deep": b'{"model":"fast","messages":' + b"[" * 200_000,
    "not a number": GOOD[:-1] + b',"temperature":NaN}',
    "a long integer": GOOD[:-1] + b',"seed":' + b"9" * 5_000 + b"}",
    "half a letter": GOOD[:-1] + b',"user":"\\ud800"}',
    "a key twice": GOOD[:-1] + b',"model":"other"}',
    "no text": b"\xff\xfe" + GOOD,
    "a list": b"[" + GOOD + b"]",
}


def test_json_with_no_one_meaning_is_refused_c9(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    answers = {
        name: http.post(PATH, content=content)
        for name, content in AMBIGUOUS_JSON.items()
    }

    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == dict.fromkeys(AMBIGUOUS_JSON, 400)
    assert all(code_of(answer).startswith("invalid_") for answer in answers.values())
    assert upstream.calls == []


def test_what_is_asked_for_beyond_all_bounds_breaks_nothing_c12(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-chat")
    tool = {"type": "function", "function": {"name": "f"}}
    beyond: list[dict[str, Any]] = [
        {"n": 10**30},
        {"n": -1},
        {"n": 129},
        {"max_tokens": 10**18},
        {"max_tokens": -5},
        {"messages": []},
        {"messages": [{"role": "user", "content": "a"}] * 20_000},
        {"tools": [tool] * 20_000},
    ]

    for fields in beyond:
        response = http.post(PATH, json={**body(), **fields})

        # Whether it is too dear may not be known at once.
        busy = response.status_code == 503 and code_of(response) == "overloaded"
        assert busy or response.status_code in {200, 400, 402, 413, 429}, (
            str(fields)[:80],
            response.text[:300],
        )


def test_a_name_never_becomes_part_of_a_header_or_a_path_c13(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")
    names = ["fast\r\nx-evil: 1", "fast\x00", "../../admin", "fast?x=y#z"]

    for name in [*names, "sim/..%2f..%2fsecret"]:
        response = ask(http, name)

        assert response.status_code in {400, 404}
        assert "x-evil" not in response.headers
    assert upstream.calls == []


@pytest.mark.parametrize(
    "header", ["x-request-id", "idempotency-key", "x-signalbox-end-user"]
)
def test_what_a_client_says_of_itself_does_not_come_back_in_headers_c13(
    send: Send, key: str, offer: Offer, header: str
) -> None:
    offer("sim-chat")

    for value in ("a\tb", "\xe9", "x" * 5_000, "a;b=c", '"><script>'):
        answer = send(request_of(key, "host: x", LENGTH, f"{header}: {value}"))

        head, _, _ = answer.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 ")), head
        assert value.encode("latin-1") not in head
