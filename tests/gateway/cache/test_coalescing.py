"""Identical requests at the same time are one question to the provider (K3)."""

import asyncio
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gateway.cache import questions, table
from gateway.cache.table import Table
from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.asking import HELLO, PATH
from tests.gateway.cache.conftest import Ask, cache_of
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until
from usage.models import CacheEntry

BODY: Any = {"model": "fast", "messages": HELLO, "max_tokens": 50}
CLIENTS = 40


def at_once(urls: list[str], key: str, **fields: Any) -> list[httpx.Response]:
    """Ask so many times that all of them are under way together."""
    headers = {"authorization": f"Bearer {key}"}

    async def ask() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            headers=headers, limits=limits, timeout=20
        ) as http:
            return await asyncio.gather(
                *(http.post(url + PATH, json={**BODY, **fields}) for url in urls)
            )

    return asyncio.run(ask())


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_one_of_many_asks_and_all_are_answered(
    offer: Offer,
    live: LiveGateway,
    key: str,
    upstream: Simulator,
    project: Project,
    stream: bool,
) -> None:
    offer("sim-chat-latency-300")

    replies = at_once([live.url] * CLIENTS, key, stream=stream)

    assert len(upstream.calls) == 1
    found = Counter(map(cache_of, replies))
    assert found["miss"] == 1
    assert found["coalesced"] == CLIENTS - 1
    costs = [event.cost_usd for event in live.events(project)]
    assert sum(cost == 0 for cost in costs) == CLIENTS - 1


def test_two_processes_ask_once_each_at_most(
    offer: Offer,
    live: LiveGateway,
    neighbour: LiveGateway,
    key: str,
    upstream: Simulator,
) -> None:
    offer("sim-chat-latency-150")
    neighbour.caught_up()

    replies = at_once([live.url, neighbour.url] * (CLIENTS // 2), key)

    assert len(upstream.calls) <= 2
    assert Counter(map(cache_of, replies))["miss"] <= 2


def test_a_failure_is_not_shared(
    offer: Offer, live: LiveGateway, key: str, upstream: Simulator
) -> None:
    """The next one tries for the others; when that fails too, each goes alone."""
    offer("sim-chat")
    upstream.change("sim-chat", fault="400", latency_ms=50)

    replies = at_once([live.url] * 5, key)

    assert {reply.status_code for reply in replies} == {400}
    assert len(upstream.calls) == 5
    assert len(live.gateway.cache.flights) == 0


def test_when_the_first_one_leaves_another_takes_over(
    offer: Offer, live: LiveGateway, key: str, upstream: Simulator
) -> None:
    offer("sim-chat-latency-400")
    headers = {"authorization": f"Bearer {key}"}
    flights = live.gateway.cache.flights

    def leave() -> None:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(live.url + PATH, json=BODY, headers=headers, timeout=0.2)

    first = threading.Thread(target=leave)
    first.start()
    wait_until(lambda: len(flights) == 1)
    replies = at_once([live.url] * 5, key)
    first.join()

    found = Counter(map(cache_of, replies))
    assert (found["miss"], found["coalesced"]) == (1, 4)
    assert len(upstream.calls) == 2


def test_nobody_waits_for_ever(
    offer: Offer,
    live: LiveGateway,
    key: str,
    upstream: Simulator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(questions, "FOLLOW_S", 0.05)
    offer("sim-chat-latency-400")

    replies = at_once([live.url] * 3, key)

    assert Counter(map(cache_of, replies)) == {"miss": 3}
    assert len(upstream.calls) == 3


def test_what_one_process_was_told_another_gives_again(
    offer: Offer,
    ask: Ask,
    live: LiveGateway,
    neighbour: LiveGateway,
    key: str,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat")
    neighbour.caught_up()
    first = ask()
    # A hit is counted in the row of the answer.
    live.settled()

    (second,) = at_once([neighbour.url], key)

    assert (cache_of(second), second.content) == ("hit", first.content)
    live.settled()
    neighbour.settled()
    assert CacheEntry.objects.for_project(project).get().hit_count == 1


def test_what_redis_forgot_the_table_knows(
    offer: Offer,
    ask: Ask,
    live: LiveGateway,
    neighbour: LiveGateway,
    key: str,
    redis_names: Callable[[], list[str]],
    flush_answers: Callable[[], None],
) -> None:
    offer("sim-chat")
    neighbour.caught_up()
    first = ask()
    live.settled()
    assert redis_names()
    flush_answers()

    (second,) = at_once([neighbour.url], key)

    assert (cache_of(second), second.content) == ("hit", first.content)
    wait_until(lambda: bool(redis_names()))


def test_without_redis_each_process_has_its_own_answers(
    offer: Offer, ask: Ask, live: LiveGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer("sim-chat")
    monkeypatch.setattr(live.gateway.cache.redis.link, "is_up", False)

    assert [cache_of(ask()) for _ in range(2)] == ["miss", "hit"]


def test_without_its_data_key_a_project_is_served_from_memory(
    offer: Offer,
    ask: Ask,
    live: LiveGateway,
    monkeypatch: pytest.MonkeyPatch,
    project: Project,
) -> None:
    async def nothing(table: Table, project_id: int) -> None:
        return None

    offer("sim-chat")
    monkeypatch.setattr(Table, "shelf_of", nothing)

    assert [cache_of(ask()) for _ in range(2)] == ["miss", "hit"]
    live.settled()
    assert not CacheEntry.objects.for_project(project).exists()


def test_what_was_tampered_with_is_a_miss(
    offer: Offer,
    ask: Ask,
    live: LiveGateway,
    neighbour: LiveGateway,
    key: str,
    tamper: Callable[[], None],
) -> None:
    """K2: nothing is taken from Redis that was not sealed for this very place."""
    offer("sim-chat")
    neighbour.caught_up()
    ask()
    live.settled()
    tamper()
    CacheEntry.objects.all().delete()

    (second,) = at_once([neighbour.url], key)

    assert cache_of(second) == "miss"


def test_hits_are_written_once_in_a_while_however_many_there_are(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New hits do not keep a turn from ending."""
    written: list[int] = []
    kept = Table()

    def write(new: object, hits: dict[str, int]) -> None:
        written.append(sum(hits.values()))
        kept.count_hit("k")

    monkeypatch.setattr(table, "_write_all", write)

    async def run() -> None:
        kept.count_hit("k")
        kept.count_hit("k")
        await kept._write()
        await kept._write()
        await kept._threads.stop()

    asyncio.run(run())

    assert written == [2, 1]
