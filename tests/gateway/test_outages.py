"""Targets that keep failing, hang, or have enough to do."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from catalog.models import AIModel, Provider
from gateway.resilience import breaker
from gateway.resilience.breaker import FAILURES_TO_OPEN
from gateway.resilience.standing import Standing
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import EndpointFactory
from tests.gateway.asking import HELLO, PATH, ask, plain_and_streamed
from tests.gateway.conftest import Offer, offered_model
from tests.gateway.live import LiveGateway, wait_until

pytestmark = pytest.mark.usefixtures("accounted")


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_PAUSE_S", 0.2)


def standing_of(live: LiveGateway, model: str) -> Standing:
    """Return the newest standing of the model's targets."""
    return [s for s in live.gateway.standings if s.model == model][-1]


# The breaker


@pytest.mark.parametrize(
    "fault",
    ["reset", "500", "503", "529", "truncate-0", "error-200", "error-midstream-0"],
)
@plain_and_streamed
def test_a_target_that_keeps_failing_is_not_asked_any_more_u10_u19(
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    fault: str,
    stream: bool,
) -> None:
    broken = f"sim-fault-{fault}"
    offer(broken, "sim-chat")

    responses = [ask(http, stream=stream) for _ in range(FAILURES_TO_OPEN + 5)]

    assert all(response.status_code == 200 for response in responses)
    attempts = [response.headers["x-signalbox-attempts"] for response in responses]
    assert attempts == ["2"] * FAILURES_TO_OPEN + ["1"] * 5
    # One that is left out is a fallback as well.
    assert {r.headers["x-signalbox-fallback"] for r in responses} == {"true"}
    asked = [call.model for call in upstream.calls]
    assert asked.count(broken) == FAILURES_TO_OPEN


def test_streams_that_break_off_count_against_their_target_u8(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-fault-truncate-3", "sim-chat")

    for _ in range(FAILURES_TO_OPEN):
        assert ask(http, stream=True).headers["x-signalbox-attempts"] == "1"

    assert standing_of(live, "sim-fault-truncate-3").breaker.state == "open"
    assert ask(http, stream=True).headers["x-signalbox-model"] == "sim-chat"


@pytest.mark.parametrize("fault", ["400", "content-policy", "404", "context"])
def test_what_the_client_asked_for_does_not_count_against_a_target_u22(
    http: httpx.Client, live: LiveGateway, offer: Offer, fault: str
) -> None:
    offer(f"sim-fault-{fault}")

    for _ in range(2 * FAILURES_TO_OPEN):
        assert ask(http, stream=False).status_code in {400, 404}

    assert standing_of(live, f"sim-fault-{fault}").breaker.state == "closed"


@pytest.mark.usefixtures("short_pauses")
def test_a_target_that_answers_again_is_used_again(
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "gateway")
    offer("sim-first", "sim-chat")
    upstream.change("sim-first", fault="503")
    for _ in range(FAILURES_TO_OPEN):
        ask(http, stream=False)
    assert ask(http, stream=False).headers["x-signalbox-attempts"] == "1"

    upstream.change("sim-first", fault=None)
    wait_until(
        lambda: ask(http, stream=False).headers["x-signalbox-model"] == "sim-first"
    )
    again = [ask(http, stream=False) for _ in range(5)]

    assert {r.headers["x-signalbox-model"] for r in again} == {"sim-first"}
    assert {r.headers["x-signalbox-fallback"] for r in again} == {"false"}
    told = [record.message for record in caplog.records]
    assert told.count("fallback") == FAILURES_TO_OPEN
    assert told.count("breaker opened") == told.count("breaker closed") == 1
    assert "Hello there" not in caplog.text


def test_when_all_targets_keep_failing_nobody_is_asked_and_that_is_told_fast_u20(
    http: httpx.Client, live: LiveGateway, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-fault-500", "sim-fault-503")
    for _ in range(FAILURES_TO_OPEN):
        ask(http, stream=False)
    asked = len(upstream.calls)

    began = time.monotonic()
    refused = [ask(http, stream=False) for _ in range(5)]
    took = time.monotonic() - began

    assert {r.status_code for r in refused} == {503}
    assert {r.json()["error"]["code"] for r in refused} == {"no_healthy_candidate"}
    assert all(1 <= int(r.headers["retry-after"]) <= 2 for r in refused)
    assert all(0 < int(r.headers["retry-after-ms"]) <= 1000 for r in refused)
    assert len(upstream.calls) == asked
    assert took < 0.5


def test_in_a_storm_of_errors_few_attempts_are_made_u20(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-fault-500")

    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: ask(http, stream=False), range(100)))

    assert {r.status_code for r in responses} <= {502, 503}
    assert len(upstream.calls) <= 1.2 * len(responses)


def test_what_a_breaker_does_is_told_in_the_metrics(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-fault-502", "sim-chat")

    for _ in range(FAILURES_TO_OPEN + 3):
        ask(http, stream=False)

    lines = http.get("/metrics").text.splitlines()
    standings = [x for x in lines if x.startswith("signalbox_target_breaker{")]
    (told,) = [line for line in standings if 'model="sim-fault-502"' in line]
    assert 'state="open"' in told
    for name in ("target_breaker_openings", "targets_left_out"):
        start = f'signalbox_{name}_total{{provider="sim"}}'
        (line,) = [x for x in lines if x.startswith(start)]
        assert float(line.split()[-1]) >= 1


# Once more


def test_a_failure_that_passes_is_survived_where_there_is_nobody_else_u20(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-fault-flaky-2")

    responses = [ask(http, stream=False) for _ in range(4)]

    assert [r.status_code for r in responses] == [200] * 4
    attempts = [int(r.headers["x-signalbox-attempts"]) for r in responses]
    assert set(attempts) <= {1, 2}
    assert {r.headers["x-signalbox-fallback"] for r in responses} == {"false"}
    # Every attempt is metered, those that failed too.
    assert len(live.events(project)) == sum(attempts)


# Time


@plain_and_streamed
def test_a_client_that_waits_only_so_long_is_answered_within_that_time_u5(
    http: httpx.Client, live: LiveGateway, offer: Offer, stream: bool
) -> None:
    offer("sim-fault-hang", "sim-chat")

    began = time.monotonic()
    response = http.post(
        PATH,
        json={"model": "fast", "messages": HELLO, "stream": stream},
        headers={"x-stainless-timeout": "0.3"},
    )

    assert (response.status_code, response.json()["error"]["code"]) == (
        504,
        "upstream_timeout",
    )
    assert 0.25 < time.monotonic() - began < 2
    # It would not open a breaker for those who wait longer.
    assert (
        standing_of(live, "sim-fault-hang").breaker.note_failure(0, is_probe=False)
        is False
    )


@pytest.mark.parametrize("told", ["NOT_GIVEN", "nan", "-1", "0", ""])
def test_what_is_no_time_bounds_nothing(
    http: httpx.Client, offer: Offer, told: str
) -> None:
    offer("sim-chat-latency-100")

    headers = {"x-server-timeout": told, "x-stainless-timeout": told}
    body = {"model": "fast", "messages": HELLO}

    assert http.post(PATH, json=body, headers=headers).status_code == 200


def test_a_stream_that_has_begun_may_take_longer_than_the_client_waits_for_it(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-chat-pace-100-events-15")

    response = http.post(
        PATH,
        json={"model": "fast", "messages": HELLO, "stream": True},
        headers={"x-stainless-read-timeout": "1.0"},
    )

    assert response.text.endswith("data: [DONE]\n\n")


def test_a_stream_byte_by_byte_is_given_up_though_it_never_falls_silent_u7(
    http: httpx.Client, provider: Provider, offer: Offer
) -> None:
    Provider.objects.update(idle_timeout_s=0.3, total_timeout_s=30)
    offer("sim-fault-drip-20")

    began = time.monotonic()
    response = ask(http, stream=True)

    assert response.status_code == 504
    assert time.monotonic() - began < 3


# Enough to do


def test_a_target_that_has_enough_to_do_is_left_to_those_that_wait_for_it_u27(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    upstream: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live.gateway.standings, "concurrency", 2)
    offer("sim-slow-latency-800", "sim-chat")
    offer("sim-slow-latency-800", name="alone")

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(ask, http, stream=False) for _ in range(2)]
        wait_until(lambda: len(upstream.calls) == 2)
        third = ask(http, stream=False)
        refused = ask(http, "alone", stream=False)
        slow = [each.result() for each in waiting]

    assert third.headers["x-signalbox-model"] == "sim-chat"
    assert third.headers["x-signalbox-fallback"] == "true"
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        503,
        "overloaded",
    )
    assert refused.headers["retry-after"] == "1"
    assert {r.headers["x-signalbox-model"] for r in slow} == {"sim-slow-latency-800"}


def test_streams_hold_their_place_until_they_end_u27(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-chat-pace-200-events-20")

    body = {"model": "fast", "messages": HELLO, "stream": True}
    with http.stream("POST", PATH, json=body) as response:
        # An iterator that is let go closes its connection.
        pieces = response.iter_bytes()
        next(pieces)
        assert response.status_code == 200
        held = [(s.model, s.running) for s in live.gateway.standings if s.running]
        assert held == [("sim-chat-pace-200-events-20", 1)]
    wait_until(lambda: standing_of(live, "sim-chat-pace-200-events-20").running == 0)


# Others of the same model


def test_another_endpoint_of_the_model_is_asked_where_one_has_no_such_path(
    http: httpx.Client, live: LiveGateway, provider: Provider, offer: Offer
) -> None:
    provider.endpoints.update(priority=20)
    EndpointFactory.create(provider=provider, pattern="/v1/nowhere", priority=10)
    offer("sim-chat")

    response = ask(http, stream=False)

    assert response.status_code == 200
    assert response.headers["x-signalbox-attempts"] == "2"


def test_too_long_a_context_goes_on_to_larger_windows_only(
    http: httpx.Client,
    live: LiveGateway,
    provider: Provider,
    upstream: Simulator,
    offer: Offer,
) -> None:
    for model_id, window in (
        ("sim-fault-context", 8192),
        ("sim-small", 8192),
        ("sim-large", 100_000),
    ):
        model = offered_model(provider, model_id)
        AIModel.objects.filter(pk=model.pk).update(context_window=window)
    offer("sim-fault-context", "sim-small", "sim-large")

    response = ask(http, stream=False)

    assert response.status_code == 200
    assert [c.model for c in upstream.calls] == ["sim-fault-context", "sim-large"]
