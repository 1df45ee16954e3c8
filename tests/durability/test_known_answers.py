"""What was asked before, or is being asked, is not asked again by real web processes."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
import pytest

from tests.durability.bills import billable
from tests.durability.conftest import Note
from tests.durability.console import MODELS
from tests.durability.stand import Stand, stand, until

PATH = "/v1/chat/completions"
IDENTICAL = 500
PATIENCE_S = 60.0
LEASE_S = 15.0


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    cache: str
    body: bytes


def at_once(
    urls: Sequence[str], key: str, count: int, body: dict[str, Any]
) -> list[Told]:
    """Send the same request so many times at once, to the web processes in turn."""

    async def one(session: aiohttp.ClientSession, url: str) -> Told:
        async with session.post(f"{url}{PATH}", json=body) as reply:
            read = await reply.read()
            return Told(reply.status, reply.headers.get("x-signalbox-cache", ""), read)

    async def all_of_them() -> list[Told]:
        async with aiohttp.ClientSession(
            headers={"authorization": f"Bearer {key}"},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=PATIENCE_S),
        ) as session:
            return await asyncio.gather(
                *(one(session, urls[n % len(urls)]) for n in range(count))
            )

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_five_hundred_that_ask_the_same_are_one_call_for_each_process(
    quick_stand: Stand, note: Note, stream: bool
) -> None:
    """K3. The provider takes longer than one process waits for another."""
    made = quick_stand
    key = made.console.new_key("remembering")
    made.sql(
        "UPDATE tenants_project SET cache = %s WHERE slug = 'remembering'",
        '{"enabled": true}',
    )
    made.simulator.change(MODELS["stream"], latency_ms=800)
    question = {
        "model": "stream",
        "messages": [{"role": "user", "content": f"What is {uuid.uuid4()}?"}],
        "stream": stream,
    }
    wait_until_remembered(made, key)
    before = len(billable(made))

    began = time.monotonic()
    told = at_once(made.urls, key, IDENTICAL, question)
    took = time.monotonic() - began

    calls = len(billable(made)) - before
    found = Counter(each.cache for each in told)
    note("upstream calls", f"{calls} for {IDENTICAL} requests in {took:.1f} s")
    note("answered", dict(found))
    assert {each.status for each in told} == {200}
    assert calls <= len(made.webs)
    assert found["miss"] == calls
    assert found["miss"] + found["coalesced"] + found["hit"] == IDENTICAL


def wait_until_remembered(made: Stand, key: str) -> None:
    """Wait until every process knows that the project keeps its answers."""
    question = {
        "model": "quick",
        "messages": [{"role": "user", "content": str(uuid.uuid4())}],
    }

    def is_remembered() -> bool:
        replies = [
            httpx.post(
                f"{url}{PATH}",
                json=question,
                headers={"authorization": f"Bearer {key}"},
                timeout=10,
            )
            for url in made.urls
        ]
        return {reply.headers["x-signalbox-cache"] for reply in replies} == {"hit"}

    until(is_remembered, at_most=10)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_key_outlives_redis_and_the_process_that_answered_and_a_killed_one_lets_go(
    note: Note,
) -> None:
    """C10: an answer stays; a request that was never answered may be sent again."""
    with stand(throwaway=False) as made:
        key = made.console.new_key()
        first, second = made.webs
        answered = ask_with_key(first.url, key, "kept", "quick")
        assert answered.status_code == 200
        asking: dict[str, Any] = {"model": "long", "stream": True}
        with httpx.stream(
            "POST",
            f"{first.url}{PATH}",
            json={**asking, "messages": [{"role": "user", "content": "Hello"}]},
            headers={"authorization": f"Bearer {key}", "idempotency-key": "lost"},
        ) as reply:
            # A name keeps the iterator, whose end would close the connection.
            pieces = reply.iter_bytes()
            next(pieces)
            first.kill()
        made.redis.stop()
        made.redis.start()

        again = ask_with_key(second.url, key, "kept", "quick")
        refused = ask_with_key(second.url, key, "lost", **asking)
        waited = until(
            lambda: ask_with_key(second.url, key, "lost", **asking).status_code == 200,
            at_most=2 * LEASE_S,
            step=0.25,
        )

        note("a killed process let go after", f"{waited:.1f} s")
        assert again.headers["idempotent-replayed"] == "true"
        assert again.content == answered.content
        assert refused.status_code == 409
        assert len(billable(made)) == 3


def ask_with_key(
    url: str, key: str, name: str, model: str, **fields: Any
) -> httpx.Response:
    return httpx.post(
        f"{url}{PATH}",
        json={
            "model": model,
            **fields,
            "messages": [{"role": "user", "content": "Hello"}],
        },
        headers={"authorization": f"Bearer {key}", "idempotency-key": name},
        timeout=PATIENCE_S,
    )
