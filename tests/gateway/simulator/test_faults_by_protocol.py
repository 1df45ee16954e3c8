"""Faults in the shapes of Anthropic and Google; test_faults.py has OpenAI's."""

import contextlib
import json
import re
import time

import httpx
import pytest

from gateway.simulator import Simulator, faults
from tests.gateway.simulator.reading import JSON, chunks, named_events

MESSAGES = [{"role": "user", "content": "Hello there"}]
CONTENTS = [{"role": "user", "parts": [{"text": "Hello there"}]}]
PROTOCOLS = ["openai", "responses", "anthropic", "gemini", "cohere"]
# Those that last, by a parameter that makes them short.
SHORTENED = {
    "hang": "hang-0.01",
    "slow-first": "slow-first-0.01",
    "slow-event": "slow-event-0.01",
    "drip": "drip-20000",
    "huge": "huge-1",
    "hugeline": "hugeline-1",
    "gzip-bomb": "gzip-bomb-1",
    "flaky": "flaky-1",
}
ENDLESS = {"stall", "endless"}


def post(
    http: httpx.Client, protocol: str, fault: str, *, stream: bool = False
) -> httpx.Response:
    model = f"sim-fault-{fault}"
    body: JSON = {"model": model, "messages": MESSAGES, "stream": stream}
    match protocol:
        case "openai":
            return http.post("/v1/chat/completions", json=body)
        case "responses":
            body["input"] = body.pop("messages")
            return http.post("/v1/responses", json=body)
        case "anthropic":
            body["max_tokens"] = 1024
            headers = {"anthropic-version": "2023-06-01"}
            return http.post("/v1/messages", json=body, headers=headers)
        case "cohere":
            return http.post("/v2/chat", json=body)
        case _:
            method = "streamGenerateContent?alt=sse" if stream else "generateContent"
            path = f"/v1beta/models/{model}:{method}"
            return http.post(path, json={"contents": CONTENTS})


@pytest.mark.parametrize("kind", sorted(faults.KINDS - ENDLESS))
@pytest.mark.parametrize("stream", [False, True])
def test_every_fault_happens_in_every_protocol(
    simulator: Simulator, http: httpx.Client, kind: str, stream: bool
) -> None:
    fault = SHORTENED.get(kind, kind)
    for protocol in PROTOCOLS:
        with contextlib.suppress(httpx.TransportError, httpx.DecodingError):
            post(http, protocol, fault, stream=stream)

    # A broken connection is noticed a moment after the client has given up.
    deadline = time.monotonic() + 5
    while any(call.outcome == "open" for call in simulator.calls):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    ends = {(call.status, call.outcome, call.is_billable) for call in simulator.calls}
    assert len(simulator.calls) == len(PROTOCOLS)
    assert len(ends) == 1


@pytest.mark.parametrize(
    ("fault", "status", "anthropic", "gemini"),
    [
        ("429", 429, "rate_limit_error", "RESOURCE_EXHAUSTED"),
        ("quota", 429, "rate_limit_error", "RESOURCE_EXHAUSTED"),
        ("500", 500, "api_error", "INTERNAL"),
        ("502", 502, "api_error", "UNAVAILABLE"),
        ("503", 503, "overloaded_error", "UNAVAILABLE"),
        ("529", 529, "overloaded_error", "UNAVAILABLE"),
        ("401", 401, "authentication_error", "UNAUTHENTICATED"),
        ("403", 403, "permission_error", "PERMISSION_DENIED"),
        ("400", 400, "invalid_request_error", "INVALID_ARGUMENT"),
        ("404", 404, "not_found_error", "NOT_FOUND"),
        ("context", 400, "invalid_request_error", "INVALID_ARGUMENT"),
        ("content-policy", 400, "invalid_request_error", "INVALID_ARGUMENT"),
    ],
)
def test_an_error_has_the_words_of_its_protocol(
    http: httpx.Client, fault: str, status: int, anthropic: str, gemini: str
) -> None:
    first, second = (post(http, each, fault) for each in ("anthropic", "gemini"))

    assert (first.status_code, second.status_code) == (status, status)
    assert first.json()["type"] == "error"
    assert first.json()["error"]["type"] == anthropic
    assert first.json()["request_id"] == first.headers["request-id"]
    error = second.json()["error"]
    assert (error["code"], error["status"]) == (status, gemini)


def test_a_prompt_that_is_too_long_is_told_in_known_words(http: httpx.Client) -> None:
    first, second = (post(http, each, "context") for each in ("anthropic", "gemini"))

    assert "prompt is too long" in first.json()["error"]["message"]
    assert "input token count" in second.json()["error"]["message"]


def test_a_rate_limit_says_how_long_to_wait(http: httpx.Client) -> None:
    first = post(http, "anthropic", "429-retry-after-7")
    second = post(http, "gemini", "429-retry-after-7")
    absurd = post(http, "gemini", "429-absurd")

    assert first.headers["retry-after"] == "7"
    assert first.headers["x-should-retry"] == "true"
    assert "retry-after" not in second.headers
    assert delays(second) == ["7s"]
    assert delays(absurd) == ["-5s"]
    assert delays(post(http, "gemini", "429")) == []


def delays(response: httpx.Response) -> list[str]:
    details = response.json()["error"]["details"]
    return [each["retryDelay"] for each in details if "retryDelay" in each]


def test_a_spent_quota_can_be_told_from_a_rate_limit(http: httpx.Client) -> None:
    first = post(http, "anthropic", "quota")
    second = post(http, "gemini", "quota").json()["error"]["details"][0]

    code = first.json()["error"]["details"]["error_code"]
    assert code == "enforced_spend_limit_reached"
    assert first.headers["x-should-retry"] == "false"
    assert "PerDay" in second["violations"][0]["quotaId"]


def test_an_error_may_come_midstream(http: httpx.Client) -> None:
    first = post(http, "anthropic", "error-midstream-4", stream=True)
    second = post(http, "gemini", "error-midstream", stream=True)

    *before, (name, error) = named_events(first)
    assert [each for each, _ in before] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
    ]
    assert (name, error["error"]["type"]) == ("error", "overloaded_error")
    *earlier, last = chunks(second)
    assert len(earlier) == 3
    assert [*last] == ["error"]
    assert last["error"]["code"] == 503


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_may_come_with_status_200(http: httpx.Client, stream: bool) -> None:
    first = post(http, "anthropic", "error-200", stream=stream)
    second = post(http, "gemini", "error-200", stream=stream)

    assert (first.status_code, second.status_code) == (200, 200)
    assert '"overloaded_error"' in first.text
    assert '"UNAVAILABLE"' in second.text


def test_an_array_stays_an_array_when_it_fails(http: httpx.Client) -> None:
    for fault, before in (("error-midstream-2", 2), ("error-200", 0)):
        path = f"/v1beta/models/sim-fault-{fault}:streamGenerateContent"
        *earlier, last = http.post(path, json={"contents": CONTENTS}).json()

        assert len(earlier) == before
        assert last["error"]["status"] == "UNAVAILABLE"


def test_a_stream_may_end_too_early(http: httpx.Client) -> None:
    first = named_events(post(http, "anthropic", "no-done-5", stream=True))
    second = chunks(post(http, "gemini", "no-done", stream=True))
    unended = named_events(post(http, "anthropic", "no-done-finished", stream=True))

    assert [name for name, _ in first].count("content_block_delta") == 2
    assert len(first) == 5
    assert all("finishReason" not in each["candidates"][0] for each in second)
    assert unended[-1][0] == "message_delta"


@pytest.mark.parametrize(
    ("fault", "tokens"),
    [
        ("no-usage", None),
        ("zero-usage", 0),
        ("negative-usage", -12),
        ("absurd-usage", 10**15),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_usage_may_be_nonsense(
    http: httpx.Client, fault: str, tokens: int | None, stream: bool
) -> None:
    first = post(http, "anthropic", fault, stream=stream).text
    second = post(http, "gemini", fault, stream=stream).text

    found = re.findall(r'"(?:input_tokens|promptTokenCount)":(-?\d+)', first + second)
    assert {int(each) for each in found} == ({tokens} if tokens is not None else set())


@pytest.mark.parametrize("stream", [False, True])
def test_a_key_may_come_twice_and_a_number_be_none(
    http: httpx.Client, stream: bool
) -> None:
    for protocol, key in (("anthropic", "model"), ("gemini", "modelVersion")):
        twice = post(http, protocol, "duplicate-keys", stream=stream).text
        nan = post(http, protocol, "nan", stream=stream).text

        assert f'"{key}":"sim-duplicate","{key}":' in twice
        assert ":NaN," in nan


def test_the_model_may_have_another_name(http: httpx.Client) -> None:
    first = post(http, "anthropic", "wrong-model").json()
    second = post(http, "gemini", "wrong-model").json()

    assert first["model"] == second["modelVersion"] == "sim-of-another-name"


@pytest.mark.parametrize("fault", ["odd-sse", "fragments"])
def test_odd_but_lawful_streams_are_whole(http: httpx.Client, fault: str) -> None:
    first = data_of(post(http, "anthropic", fault, stream=True).content)
    second = data_of(post(http, "gemini", fault, stream=True).content)

    assert (first[0]["type"], first[-1]["type"]) == ("message_start", "message_stop")
    assert second[-1]["candidates"][0]["finishReason"] == "STOP"
    assert min(len(first), len(second)) > 10


def data_of(stream: bytes) -> list[JSON]:
    """Return the data of each event, however its lines end."""
    lines = stream.removeprefix(b"\xef\xbb\xbf").splitlines()
    return [json.loads(line[5:]) for line in lines if line.startswith(b"data:")]


def test_counting_and_embedding_can_fail_too(
    simulator: Simulator, http: httpx.Client
) -> None:
    model, content = "/v1beta/models/sim-fault-503", CONTENTS[0]
    simulator.change("sim-chat", fault="529")
    body = {"model": "sim-chat", "messages": MESSAGES}
    headers = {"anthropic-version": "2023-06-01"}

    counted = http.post(f"{model}:countTokens", json={"contents": CONTENTS})
    embedded = http.post(f"{model}:embedContent", json={"content": content})
    other = http.post("/v1/messages/count_tokens", json=body, headers=headers)

    assert (counted.status_code, embedded.status_code) == (503, 503)
    assert other.status_code == 529
