"""Limits as a client meets them: per project and per key, taken and given back."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gateway.simulator import Simulator
from tenants.models import ApiKey, Project
from tests.factories import LimitFactory
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]

Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(http: httpx.Client) -> Ask:
    def ask(**fields: Any) -> httpx.Response:
        key = fields.pop("key", None)
        headers = {"authorization": f"Bearer {key}"} if key else {}
        body = {"model": "fast", "messages": HELLO, **fields}
        return http.post(PATH, json=body, headers=headers)

    return ask


def tokens_left(response: httpx.Response) -> int:
    return int(response.headers["x-ratelimit-remaining-tokens"])


def test_requests_are_counted_down_to_a_refusal(
    ask: Ask, offer: Offer, project: Project, upstream: Simulator
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=3)
    offer("sim-chat")

    answers = [ask() for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == [
        "2",
        "1",
        "0",
        "0",
    ]
    assert "3 requests per minute" in answers[-1].json()["error"]["message"]
    assert len(upstream.calls) == 3


def test_a_limit_of_one_key_leaves_the_others_alone(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    narrow, text = ApiKey.issue(project, "narrow")
    LimitFactory.create(project=project, api_key=narrow, metric="requests", amount=1)
    offer("sim-chat")

    narrow_answers = [ask(key=text).status_code for _ in range(2)]
    wide_answers = [ask().status_code for _ in range(3)]

    assert narrow_answers == [200, 429]
    assert wide_answers == [200, 200, 200]


def test_a_limit_of_the_project_holds_for_all_its_keys_together(
    ask: Ask, offer: Offer, project: Project
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=2)
    _, text = ApiKey.issue(project, "second")
    offer("sim-chat")

    statuses = [ask().status_code, ask(key=text).status_code, ask().status_code]

    assert statuses == [200, 200, 429]


def test_a_limit_of_one_project_leaves_the_others_alone(
    ask: Ask, offer: Offer, project: Project, other_project: Project
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=1)
    _, text = ApiKey.issue(other_project, "theirs")
    offer("sim-chat")

    statuses = [ask().status_code, ask().status_code, ask(key=text).status_code]

    assert statuses == [200, 429, 200]


def test_a_limit_that_is_switched_off_does_not_count(
    ask: Ask, offer: Offer, project: Project
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=1, active=False)
    offer("sim-chat")

    assert [ask().status_code for _ in range(2)] == [200, 200]


def test_a_changed_limit_holds_within_a_second(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    limit = LimitFactory.create(project=project, metric="requests", amount=1)
    offer("sim-chat")
    assert [ask().status_code for _ in range(2)] == [200, 429]

    limit.amount = 100
    limit.save()

    assert wait_until(lambda: ask().status_code == 200, 2.0) < 1.0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_tokens_are_taken_by_estimate_and_corrected_by_usage(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project, stream: bool
) -> None:
    LimitFactory.create(project=project, metric="tokens", amount=100_000, per="day")
    offer("sim-chat")

    before = ask(stream=stream, max_tokens=40_000)
    assert tokens_left(before) < 60_000
    (event,) = live.events(project)
    used = event.input_tokens + event.output_tokens

    def is_corrected() -> bool:
        left = tokens_left(ask(stream=stream))
        return left > 99_000 - used

    assert used < 1_000
    wait_until(is_corrected)


def test_tokens_used_beyond_the_estimate_count_too(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    LimitFactory.create(project=project, metric="tokens", amount=100, per="day")
    offer("sim-chat-events-300")

    first = ask()
    live.settled()

    assert first.status_code == 200
    wait_until(lambda: ask().status_code == 429)
    refused = ask()
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    assert int(refused.headers["retry-after"]) <= 60


def test_tokens_of_a_request_that_failed_are_given_back(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    LimitFactory.create(project=project, metric="tokens", amount=100_000, per="day")
    offer("sim-fault-500", name="fast")
    offer("sim-chat", name="good")

    assert ask(max_tokens=90_000).status_code == 502

    wait_until(lambda: tokens_left(ask(model="good")) > 90_000)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as pool:
        yield pool


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_no_more_requests_run_at_once_than_allowed(
    ask: Ask,
    offer: Offer,
    project: Project,
    upstream: Simulator,
    pool: ThreadPoolExecutor,
    stream: bool,
) -> None:
    LimitFactory.create(project=project, metric="concurrency", amount=3)
    offer("sim-chat-latency-300")

    answers = list(pool.map(lambda _: ask(stream=stream), range(10)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 3 + [429] * 7
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error"]["code"] == "concurrency_limit_exceeded"
    assert refused.headers["retry-after"]
    assert len(upstream.calls) == 3
    wait_until(lambda: ask(stream=stream).status_code == 200)


def test_a_stream_holds_its_place_until_it_ends(
    http: httpx.Client, ask: Ask, offer: Offer, project: Project
) -> None:
    LimitFactory.create(project=project, metric="concurrency", amount=1)
    offer("sim-chat-pace-20-events-10")
    body = {"model": "fast", "messages": HELLO, "stream": True}

    with http.stream("POST", PATH, json=body) as response:
        lines = response.iter_lines()
        next(lines)
        during = ask()
        for _ in lines:
            pass

    assert response.status_code == 200
    assert during.status_code == 429
    wait_until(lambda: ask(model="sim-chat-pace-20-events-10").status_code == 200)


def test_a_failed_request_gives_its_place_back(
    ask: Ask, offer: Offer, project: Project
) -> None:
    LimitFactory.create(project=project, metric="concurrency", amount=1)
    offer("sim-fault-500", name="fast")

    def is_tried() -> bool:
        return ask().status_code == 502

    for _ in range(3):
        wait_until(is_tried)


def test_many_requests_at_once_are_limited_exactly(
    ask: Ask,
    offer: Offer,
    project: Project,
    upstream: Simulator,
    pool: ThreadPoolExecutor,
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=25, per="day")
    offer("sim-chat")
    together = threading.Barrier(20)

    def burst(_: int) -> list[int]:
        together.wait()
        return [ask().status_code for _ in range(3)]

    statuses = [status for each in pool.map(burst, range(20)) for status in each]

    assert statuses.count(200) == 25
    assert statuses.count(429) == 35
    assert len(upstream.calls) == 25


def test_a_listing_of_models_costs_nothing(
    http: httpx.Client, ask: Ask, offer: Offer, project: Project
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=1)
    offer("sim-chat")

    for _ in range(3):
        assert http.get("/v1/models").status_code == 200

    assert ask().status_code == 200
