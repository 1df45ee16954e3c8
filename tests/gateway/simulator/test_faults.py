import gzip
import json
import socket
import time
from typing import Any

import httpx
import openai
import pytest

from gateway.simulator import Simulator, faults

PATH = "/v1/chat/completions"


def body_for(fault: str, *, stream: bool = False) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Hello there"}]
    return {"model": f"sim-fault-{fault}", "messages": messages, "stream": stream}


def post(http: httpx.Client, fault: str, *, stream: bool = False) -> httpx.Response:
    return http.post(PATH, json=body_for(fault, stream=stream))


def raw_answer(simulator: Simulator, fault: str, *, stream: bool = False) -> bytes:
    """Return every byte that comes before the connection ends."""
    host, port = simulator.url.removeprefix("http://").split(":")
    body = json.dumps(body_for(fault, stream=stream)).encode()
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode() + body)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("429", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("500", 500, None),
        ("502", 502, "bad_gateway"),
        ("503", 503, "server_is_overloaded"),
        ("529", 529, "server_is_overloaded"),
        ("401", 401, "invalid_api_key"),
        ("403", 403, "unsupported_country_region_territory"),
        ("400", 400, None),
        ("404", 404, "model_not_found"),
        ("context", 400, "context_length_exceeded"),
        ("content-policy", 400, "content_policy_violation"),
    ],
)
def test_an_error_has_its_status_and_code(
    simulator: Simulator, http: httpx.Client, fault: str, status: int, code: str | None
) -> None:
    response = post(http, fault)

    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    (call,) = simulator.calls
    assert (call.status, call.is_billable) == (status, False)


@pytest.mark.parametrize(
    ("fault", "wait"),
    [
        ("429", None),
        ("429-retry-after", "2"),
        ("429-retry-after-7", "7"),
        ("429-absurd", "-5"),
        ("429-absurd-1e9", "1e9"),
        ("429-absurd-date", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(
    http: httpx.Client, fault: str, wait: str | None
) -> None:
    assert post(http, fault).headers.get("retry-after") == wait


def test_a_reset_is_a_reset(simulator: Simulator) -> None:
    with pytest.raises(ConnectionResetError):
        raw_answer(simulator, "reset")

    (call,) = simulator.calls
    assert (call.outcome, call.is_billable) == ("broken", False)


def test_a_hanging_model_sends_nothing(
    simulator: Simulator, http: httpx.Client
) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.post(PATH, json=body_for("hang"), timeout=0.1)

    assert not simulator.calls[0].is_billable


def test_a_slow_model_answers_late(http: httpx.Client) -> None:
    started = time.monotonic()
    response = post(http, "slow-first-0.2")

    assert response.status_code == 200
    assert 0.2 <= time.monotonic() - started < 2


def test_a_stalled_stream_falls_silent_after_some_events(
    simulator: Simulator, http: httpx.Client
) -> None:
    received = []

    with (
        pytest.raises(httpx.ReadTimeout),
        http.stream(
            "POST", PATH, json=body_for("stall-2", stream=True), timeout=0.2
        ) as r,
    ):
        received += [line for line in r.iter_lines() if line]

    assert simulator.calls[0].events_sent == 2


def test_a_drip_sends_single_bytes(http: httpx.Client) -> None:
    body = body_for("drip-200", stream=True)

    with http.stream("POST", PATH, json=body) as response:
        parts = [
            len(part) for part, _ in zip(response.iter_raw(), range(5), strict=False)
        ]

    assert set(parts) == {1}


@pytest.mark.parametrize("stream", [True, False])
def test_a_truncated_answer_ends_inside_a_chunk(
    simulator: Simulator, http: httpx.Client, stream: bool
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        post(http, "truncate", stream=stream)

    (call,) = simulator.calls
    assert (call.outcome, call.is_billable) == ("broken", True)


def test_a_stream_may_end_without_finish_and_terminator(http: httpx.Client) -> None:
    text = post(http, "no-done", stream=True).text

    assert text.count("data: ") == 3
    assert '"stop"' not in text
    assert "[DONE]" not in text


def test_a_stream_may_lack_the_terminator_alone(http: httpx.Client) -> None:
    text = post(http, "no-done-finished", stream=True).text

    assert '"finish_reason":"stop"' in text
    assert "[DONE]" not in text


def test_an_error_may_come_midstream(http: httpx.Client) -> None:
    response = post(http, "error-midstream", stream=True)

    *_, last, rest = response.text.split("\n\n")
    assert response.status_code == 200
    assert rest == ""
    assert json.loads(last.removeprefix("data: "))["error"]["code"]


def test_the_official_client_sees_the_midstream_error(client: openai.OpenAI) -> None:
    body = body_for("error-midstream", stream=True)

    with (
        client.chat.completions.create(**body) as stream,
        pytest.raises(openai.APIError),
    ):
        list(stream)


def test_an_error_may_come_with_status_200(http: httpx.Client) -> None:
    response = post(http, "error-200")

    assert response.status_code == 200
    assert "error" in response.json()


def test_a_page_may_come_instead_of_json(http: httpx.Client) -> None:
    response = post(http, "html")

    assert response.headers["content-type"].startswith("text/html")
    assert post(http, "html-502").status_code == 502


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_may_be_empty(http: httpx.Client, stream: bool) -> None:
    response = post(http, "empty", stream=stream)

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(("fault", "least"), [("huge-2", 2**21), ("hugeline-1", 2**20)])
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_may_be_huge(
    http: httpx.Client, fault: str, least: int, stream: bool
) -> None:
    assert len(post(http, fault, stream=stream).content) > least * 0.9


def test_an_endless_stream_ends_when_the_client_leaves(
    simulator: Simulator, http: httpx.Client
) -> None:
    with http.stream("POST", PATH, json=body_for("endless", stream=True)) as response:
        next(response.iter_raw())

    assert ended(simulator) == "cut"


def ended(simulator: Simulator) -> str:
    """Return how the only call ended, once it has."""
    deadline = time.monotonic() + 2
    while (
        call := simulator.calls[0]
    ).outcome == "open" and time.monotonic() < deadline:
        time.sleep(0.005)
    return call.outcome


def test_text_may_be_no_utf8(http: httpx.Client) -> None:
    with pytest.raises(UnicodeDecodeError):
        post(http, "badutf8").content.decode()


@pytest.mark.parametrize(("fault", "times"), [("gzip", 1), ("gzip-twice", 2)])
def test_an_answer_may_be_compressed_unasked(
    simulator: Simulator, fault: str, times: int
) -> None:
    with httpx.stream("POST", simulator.url + PATH, json=body_for(fault)) as response:
        data = b"".join(response.iter_raw())

    assert response.headers["content-encoding"] == ", ".join(["gzip"] * times)
    for _ in range(times):
        data = gzip.decompress(data)
    assert json.loads(data)["object"] == "chat.completion"


def test_a_small_answer_may_unpack_to_a_large_one(simulator: Simulator) -> None:
    body = body_for("gzip-bomb-4")
    with httpx.stream("POST", simulator.url + PATH, json=body) as response:
        data = b"".join(response.iter_raw())

    assert len(data) < 10_000
    assert len(gzip.decompress(data)) == 4 * 2**20


def test_a_redirect_leads_elsewhere(http: httpx.Client) -> None:
    response = post(http, "redirect")

    assert response.status_code == 307
    assert response.headers["location"].endswith("/sim/redirected")


@pytest.mark.parametrize(
    ("fault", "tokens"),
    [
        ("no-usage", None),
        ("zero-usage", 0),
        ("negative-usage", -12),
        ("absurd-usage", 10**15),
    ],
)
def test_usage_may_be_nonsense(
    http: httpx.Client, fault: str, tokens: int | None
) -> None:
    usage = post(http, fault).json().get("usage")

    assert (usage and usage["prompt_tokens"]) == tokens


def test_headers_may_be_hostile(http: httpx.Client, simulator: Simulator) -> None:
    response = post(http, "set-cookie")

    assert response.headers["set-cookie"].startswith("session=")
    assert response.json()["object"] == "chat.completion"
    assert b"a\rset-cookie: injected=1\x01\r\n" in raw_answer(simulator, "bad-header")


@pytest.mark.parametrize("stream", [True, False])
def test_a_key_may_come_twice(http: httpx.Client, stream: bool) -> None:
    text = post(http, "duplicate-keys", stream=stream).text

    assert text.count('"model":') == 2 * text.count('"object":')


def test_the_model_may_have_another_name(http: httpx.Client) -> None:
    assert post(http, "wrong-model").json()["model"] == "sim-of-another-name"


def test_a_number_may_be_none(http: httpx.Client) -> None:
    assert '"created":NaN' in post(http, "nan").text


def test_json_may_come_instead_of_a_stream(http: httpx.Client) -> None:
    response = post(http, "json-for-stream", stream=True)

    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("fault", ["fragments", "odd-sse", "slow-event-0.01"])
def test_the_official_client_reads_odd_but_lawful_streams(
    client: openai.OpenAI, fault: str
) -> None:
    with client.chat.completions.create(**body_for(fault, stream=True)) as stream:
        chunks = list(stream)

    assert chunks[-1].choices[0].finish_reason == "stop"


def test_every_nth_request_fails(http: httpx.Client) -> None:
    statuses = [post(http, "flaky-3").status_code for _ in range(6)]

    assert statuses == [200, 200, 500, 200, 200, 500]


def test_an_unknown_fault_is_an_unknown_model(http: httpx.Client) -> None:
    for fault in ("unheard-of", "stall-x", "reset-1-2", ""):
        assert post(http, fault).status_code == 404, fault


@pytest.mark.parametrize("kind", sorted(faults.KINDS))
def test_every_fault_is_found_with_and_without_a_parameter(kind: str) -> None:
    assert faults.find(kind) == (kind, "")
    assert faults.find(f"{kind}-2.5") == (kind, "2.5")
