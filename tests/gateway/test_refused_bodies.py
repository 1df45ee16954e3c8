"""Bodies, methods and paths that are none of ours, told in the dialect."""

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from tests.gateway.refusals import ASK, HELLO, PATH, error_of

MALFORMED: list[tuple[str, bytes, str | None]] = [
    ("nothing", b"", None),
    ("half an object", b'{"model": "fast", "messages": [', None),
    ("a list", b"[]", None),
    ("a string", b'"hello"', None),
    ("no UTF-8", b'{"model": "\xff"}', None),
    ("a lone surrogate", b'{"model": "\\ud800"}', None),
    ("NaN", b'{"messages": [{"role": "user"}], "temperature": NaN}', None),
    ("infinity", b'{"messages": [{"role": "user"}], "temperature": -Infinity}', None),
    ("a key twice", b'{"model": "fast", "model": "fast", "messages": []}', None),
    (
        "a key twice below",
        b'{"messages": [{"role": "user", "content": "a", "content": "b"}]}',
        None,
    ),
    (
        "a key twice, spelled otherwise",
        b'{"model": "fast", "mod\\u0065l": "smart", "messages": []}',
        None,
    ),
    ("too deep", b'{"messages": ' + b"[" * 300 + b"]" * 300 + b"}", None),
    ("far too deep", b'{"messages": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", None),
    ("a number without end", b'{"max_tokens": ' + b"9" * 5_000 + b"}", None),
    ("no messages", b'{"model": "fast"}', "messages"),
    ("messages: {}", b'{"model": "fast", "messages": {}}', "messages"),
    ("messages: []", b'{"model": "fast", "messages": []}', "messages"),
    ("messages: [1]", b'{"messages": [1]}', "messages[0]"),
    ("no role", b'{"messages": [{"content": "hi"}]}', "messages[0]"),
]
FIELDS: list[tuple[str, Any, str]] = [
    ("model", 7, "model"),
    ("model", ["fast"], "model"),
    ("model", "x" * 1_000, "model"),
    ("stream", "yes", "stream"),
    ("stream", 1, "stream"),
    ("stream", [], "stream"),
    ("stream", {}, "stream"),
    ("stream_options", [], "stream_options"),
    ("max_tokens", 0, "max_tokens"),
    ("max_tokens", -1, "max_tokens"),
    ("max_tokens", 1.5, "max_tokens"),
    ("max_tokens", "10", "max_tokens"),
    ("max_tokens", True, "max_tokens"),
    ("max_completion_tokens", 10**30, "max_completion_tokens"),
    ("n", 0, "n"),
    ("models", "fast", "models"),
    ("models", [1], "models"),
    ("models", ["m"] * 100, "models"),
    ("models", ["x" * 1_000], "models"),
    ("provider", [], "provider"),
    ("provider", {"colour": "red"}, "provider.colour"),
    ("provider", {"order": "sim"}, "provider.order"),
    ("provider", {"only": [1]}, "provider.only"),
    ("provider", {"sort": "weighted"}, "provider.sort"),
    ("provider", {"sort": []}, "provider.sort"),
    ("provider", {"allow_fallbacks": "no"}, "provider"),
    ("provider", {"region": 1}, "provider"),
]


@pytest.mark.parametrize(
    ("body", "param"),
    [case[1:] for case in MALFORMED],
    ids=[case[0] for case in MALFORMED],
)
def test_a_body_that_is_no_chat_request_is_refused(
    http: httpx.Client, upstream: Simulator, body: bytes, param: str | None
) -> None:
    response = http.post(PATH, content=body)

    assert response.status_code == 400
    error = error_of(response)
    assert error["code"] == "invalid_request"
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert len(error["message"]) < 500
    assert upstream.calls == []


@pytest.mark.parametrize(("field", "value", "param"), FIELDS)
def test_a_field_with_a_wrong_value_is_named(
    http: httpx.Client, upstream: Simulator, field: str, value: Any, param: str
) -> None:
    response = http.post(PATH, json={"messages": HELLO, field: value})

    assert response.status_code == 400
    error = error_of(response)
    assert (error["code"], error["param"]) == ("invalid_request", param)
    assert len(error["message"]) < 500
    assert upstream.calls == []


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x-signalbox-user", "u" * 201),
        ("x-signalbox-user", b"caf\xe9"),
        ("x-signalbox-feature", "f" * 101),
        ("x-signalbox-feature-id", "tab\there"),
        ("x-signalbox-tags", ",".join(str(number) for number in range(21))),
        ("x-signalbox-tags", "t" * 65),
    ],
)
def test_attribution_that_cannot_be_kept_is_refused(
    http: httpx.Client, offer: Offer, header: str, value: str | bytes
) -> None:
    offer("sim-chat")

    raw = value if isinstance(value, bytes) else value.encode()
    response = http.post(PATH, json=ASK, headers=[(header.encode(), raw)])

    assert response.status_code == 400
    assert error_of(response)["param"] == header


def test_a_request_without_a_model_needs_a_default_alias(
    live: LiveGateway, http: httpx.Client, offer: Offer, project: Project
) -> None:
    offer("sim-chat")

    without = http.post(PATH, json={"messages": HELLO})
    Project.objects.filter(pk=project.pk).update(default_alias="fast")
    live.caught_up()
    with_default = http.post(PATH, json={"messages": HELLO})

    assert (without.status_code, error_of(without)["param"]) == (400, "model")
    assert with_default.status_code == 200
    assert with_default.headers["x-signalbox-alias"] == "fast"


# Size


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(
    live: LiveGateway, key: str
) -> None:
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
        f"content-length: {10**12}\r\n\r\n"
    )

    answer = first_of_answer(live, head.encode())

    assert b" 413 " in answer
    assert b"request_too_large" in answer


def test_a_body_without_a_length_is_cut_off_where_it_gets_too_large(
    live: LiveGateway, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert live.app._edge is not None
    monkeypatch.setattr(live.app._edge, "_max_body", 200_000)

    def pieces() -> Any:
        for _ in range(100):
            yield b" " * 10_000

    response = http.post(PATH, content=pieces())

    assert response.status_code == 413
    assert error_of(response)["code"] == "request_too_large"


def test_a_large_body_below_the_cap_is_served(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")
    text = "word " * 400_000

    response = http.post(
        PATH, json={**ASK, "messages": [{"role": "user", "content": text}]}
    )

    assert response.status_code == 200
    (call,) = upstream.calls
    assert call.body is not None
    assert call.body["messages"][0]["content"] == text


def test_an_unauthenticated_body_is_not_read(live: LiveGateway) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"

    assert b" 401 " in first_of_answer(live, head.encode())


def first_of_answer(live: LiveGateway, sent: bytes) -> bytes:
    parts = urlsplit(live.url)
    address = (parts.hostname, parts.port)
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(sent)
        return connection.recv(65536)


# Ways


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", PATH, "POST"),
        ("PUT", PATH, "POST"),
        ("DELETE", PATH, "POST"),
        ("OPTIONS", PATH, "POST"),
        ("POST", "/v1/models", "GET"),
        ("PATCH", "/v1/models/fast", "GET"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(
    http: httpx.Client, method: str, path: str, allowed: str
) -> None:
    response = http.request(method, path)

    assert response.status_code == 405
    assert error_of(response)["code"] == "method_not_allowed"
    assert response.headers["allow"] == allowed


def test_a_head_request_gets_no_body(http: httpx.Client) -> None:
    response = http.head(PATH)

    assert response.status_code == 405
    assert response.content == b""
    assert http.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/v1/nothing", "/v1/chat", "/openai/v2/chat/completions", "/v1/" + "x" * 5_000],
)
def test_an_unknown_path_is_not_found_in_the_dialect(
    http: httpx.Client, path: str
) -> None:
    response = http.post(path, json=ASK)

    assert response.status_code == 404
    error = error_of(response)
    assert error["code"] == "not_found"
    assert len(error["message"]) < 500
