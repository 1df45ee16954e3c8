import time
from collections.abc import Callable

import httpx
import pytest

from gateway.simulator import Simulator
from gateway.simulator.behaviour import BadSetting, Behaviour, Behaviours, split_suffix

PATH = "/v1/chat/completions"
HELLO = {"model": "sim-chat", "messages": [{"role": "user", "content": "Hello"}]}


def seconds_for(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def test_a_name_may_carry_latency_and_pace() -> None:
    assert split_suffix("sim-chat-latency-200-pace-2.5-events-7") == (
        "sim-chat",
        {"latency_ms": 200.0, "pace_ms": 2.5, "events": 7},
    )


def test_headers_win_over_the_name_and_it_over_what_was_set() -> None:
    behaviours = Behaviours(Behaviour(latency_ms=1, pace_ms=1))
    behaviours.change("*", {"pace_ms": 2, "events": 2, "cached_tokens": 2})
    behaviours.change("sim-chat", {"events": 3, "cached_tokens": 3})

    name, headers = "sim-chat-cached-4", [(b"x-sim-events", b"5")]

    assert behaviours.of(name, headers) == Behaviour(
        latency_ms=1, pace_ms=2, events=5, cached_tokens=4
    )


@pytest.mark.parametrize(
    "settings", [{"speed": 1}, {"latency_ms": "soon"}, {"pace_ms": -1}]
)
def test_a_bad_setting_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(BadSetting):
        Behaviours(Behaviour()).change("sim-chat", settings)


def test_latency_delays_the_first_byte_and_pace_each_further_event(
    http: httpx.Client,
) -> None:
    headers = {"x-sim-latency-ms": "100", "x-sim-pace-ms": "20", "x-sim-events": "4"}

    plain = seconds_for(lambda: http.post(PATH, json=HELLO, headers=headers))
    body = HELLO | {"stream": True}
    streamed = seconds_for(lambda: http.post(PATH, json=body, headers=headers))

    # Each with what a busy machine adds.
    assert 0.1 <= plain < 0.5
    # Role, four words, finish reason and terminator: six gaps.
    assert 0.22 <= streamed < 0.7


def test_a_model_can_go_down_and_come_back(
    simulator: Simulator, http: httpx.Client
) -> None:
    change = {"model": "sim-chat", "fault": "503"}

    assert http.post("/sim/settings", json=change).status_code == 200
    down = http.post(PATH, json=HELLO).status_code
    simulator.change("sim-chat", fault=None)
    up = http.post(PATH, json=HELLO).status_code

    assert (down, up) == (503, 200)


def test_settings_are_checked(http: httpx.Client) -> None:
    changes: list[object] = [{"fault": "unheard-of"}, {"speed": 1}, []]
    for change in changes:
        assert http.post("/sim/settings", json=change).status_code == 400


def test_cached_tokens_are_reported_when_set(
    simulator: Simulator, http: httpx.Client
) -> None:
    simulator.change("*", cached_tokens=1)

    usage = http.post(PATH, json=HELLO).json()["usage"]

    assert usage["prompt_tokens_details"]["cached_tokens"] == 1
