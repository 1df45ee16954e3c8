import json
import time
from pathlib import Path

import httpx
import pytest

from gateway.simulator import Simulator, SimulatorProcess
from gateway.simulator.server import bind, url_of
from tests.gateway.live import wait_until

PATH = "/v1/chat/completions"
HELLO = {"model": "sim-chat", "messages": [{"role": "user", "content": "Hello"}]}


def test_a_call_is_known_by_the_id_that_the_client_gave_it(
    simulator: Simulator, http: httpx.Client
) -> None:
    http.post(PATH, json=HELLO, headers={"x-client-request-id": "attempt-1"})

    listed = http.get("/sim/calls").json()

    (call,) = simulator.calls
    assert (call.id, call.outcome, call.status) == ("attempt-1", "completed", 200)
    assert listed["billable"] == 1
    assert listed["calls"][0]["prompt_tokens"] == 2


def test_calls_are_listed_from_a_moment_on_and_forgotten(http: httpx.Client) -> None:
    http.post(PATH, json=HELLO)
    now = time.time()
    http.post(PATH, json=HELLO)

    assert len(http.get("/sim/calls", params={"since": now}).json()["calls"]) == 1
    assert http.delete("/sim/calls").status_code == 200
    assert http.get("/sim/calls").json()["billable"] == 0


def test_the_moment_that_a_client_leaves_is_noted(
    simulator: Simulator, http: httpx.Client
) -> None:
    body = HELLO | {"model": "sim-chat-pace-20-events-200", "stream": True}
    with http.stream("POST", PATH, json=body) as response:
        next(response.iter_raw())
        left_at = time.time()
    wait_until(lambda: any(call.ended_at for call in simulator.calls))

    (call,) = simulator.calls
    assert call.outcome == "cut"
    assert call.is_billable
    assert call.ended_at is not None
    assert abs(call.ended_at - left_at) < 0.5


def test_who_leaves_before_the_answer_begins_is_not_billed(
    simulator: Simulator, http: httpx.Client
) -> None:
    simulator.change(latency_ms=5000)

    with pytest.raises(httpx.ReadTimeout):
        http.post(PATH, json=HELLO, timeout=0.05)
    time.sleep(0.05)

    (call,) = simulator.calls
    assert (call.outcome, call.is_billable) == ("cut", False)


def test_a_simulator_apart_writes_its_ledger_to_a_file(tmp_path: Path) -> None:
    ledger = tmp_path / "calls.jsonl"

    with SimulatorProcess(["--ledger", str(ledger), "--models", "gpt-x"]) as simulator:
        for number in range(3):
            httpx.post(
                simulator.url + PATH,
                json=HELLO | {"model": "gpt-x"},
                headers={"x-client-request-id": f"attempt-{number}"},
            ).raise_for_status()
        simulator.change(fault="500")
        httpx.post(simulator.url + PATH, json=HELLO)
        assert len(simulator.calls) == 4
        simulator.reset()
        assert simulator.calls == []

    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["attempt-0", "attempt-1", "attempt-2"]
    assert simulator.process.returncode == 0


def test_a_simulator_that_cannot_start_says_so() -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        SimulatorProcess(["--port", "1", "--host", "192.0.2.1"])


def test_the_bench_model_streams_fifty_events(http: httpx.Client) -> None:
    body = {"model": "sim-bench", "messages": [], "stream": True}

    silent = http.post(PATH, json=body).text
    asked = http.post(
        PATH, json=body | {"stream_options": {"include_usage": True}}
    ).text

    assert silent.count("data: {") == 50
    assert asked.count("data: {") == 51
    assert silent.endswith("data: [DONE]\n\n")


def test_an_inherited_socket_may_be_used() -> None:
    with bind() as sock:
        arguments = ["--fd", str(sock.fileno())]
        with SimulatorProcess(arguments, pass_fds=[sock.fileno()]) as simulator:
            assert simulator.url == url_of(sock)
            assert httpx.post(simulator.url + PATH, json=HELLO).status_code == 200
