"""A change of the configuration is seen by every process, however it was made."""

import asyncio
import math
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Self

import aiohttp
import psycopg
import pytest

from tenants.versioning import CHANNEL
from tests.durability.conftest import Note
from tests.durability.console import BLUE, RED
from tests.durability.load import percentile
from tests.durability.stand import Stand, stand

SEEN_SECONDS = 1.0
REVOKED_SECONDS = 2.0
# On a machine that does other things, too.
SLACK_SECONDS = 1.0
GIVE_UP_SECONDS = 10.0

Change = Callable[[Stand, str], None]


def by_save(made: Stand, model: str) -> None:
    made.console.do("save_colour", model_id=model)


def by_update(made: Stand, model: str) -> None:
    made.console.do("update_colour", model_id=model)


def by_sql(made: Stand, model: str) -> None:
    made.sql(
        "UPDATE catalog_aliastarget SET model_id = m.id FROM catalog_aimodel m, "
        "catalog_alias a WHERE m.model_id = %s AND a.name = 'colour' "
        "AND catalog_aliastarget.alias_id = a.id",
        model,
    )


def by_apply(made: Stand, model: str) -> None:
    made.console.do("apply_colour", model_id=model)


WAYS: dict[str, Change] = {
    "save": by_save,
    "bulk update": by_update,
    "plain SQL": by_sql,
    "apply": by_apply,
}


def test_a_change_is_seen_by_every_process_soon(quick_stand: Stand, note: Note) -> None:
    seen = change_often(quick_stand, 8, note)

    assert percentile(seen, 0.95) < SEEN_SECONDS + SLACK_SECONDS


def test_a_revoked_key_stops_on_every_process_soon(
    quick_stand: Stand, note: Note
) -> None:
    assert max(revoke_often(quick_stand, 2, note)) < REVOKED_SECONDS + SLACK_SECONDS


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hundred_changes_are_seen_within_a_second(note: Note) -> None:
    with stand(throwaway=False) as made:
        seen = change_often(made, 100, note)
        revoked = revoke_often(made, 20, note)

    assert percentile(seen, 0.95) < SEEN_SECONDS
    assert max(revoked) < REVOKED_SECONDS


@pytest.mark.long
@pytest.mark.timeout(600)
def test_changes_are_seen_when_listening_has_just_been_cut(note: Note) -> None:
    with stand(throwaway=False) as made:
        seen = change_often(made, 40, note, cut=True)
        revoked = revoke_often(made, 20, note, cut=True)

    assert percentile(seen, 0.95) < SEEN_SECONDS
    assert max(revoked) < REVOKED_SECONDS


def change_often(
    made: Stand, times: int, note: Note, *, cut: bool = False
) -> list[float]:
    """Change the target of an alias; return when each process answered by it."""
    key = made.console.new_key()
    seen: dict[str, list[float]] = {way: [] for way in WAYS}
    by_sql(made, RED)
    asyncio.run(sights(made, key, says_model(RED)))
    for number in range(times):
        way = list(WAYS)[number % len(WAYS)]
        model = other_than_now(made)
        if cut:
            cut_listeners(made)
        seen[way] += asyncio.run(
            watch(made, key, partial(WAYS[way], made, model), says_model(model))
        )
    for way, seconds in seen.items():
        note(f"{way}: p95, max ms", in_ms(seconds))
    every = [each for seconds in seen.values() for each in seconds]
    note(f"{times} changes, {len(made.webs)} processes: p95, max ms", in_ms(every))
    return every


def revoke_often(
    made: Stand, times: int, note: Note, *, cut: bool = False
) -> list[float]:
    seen: list[float] = []
    for _ in range(times):
        key = made.console.new_key()
        asyncio.run(sights(made, key, lambda status, _: status == 200))
        if cut:
            cut_listeners(made)
        seen += asyncio.run(
            watch(
                made,
                key,
                partial(made.console.do, "revoke", key=key),
                lambda status, _: status == 401,
            )
        )
    note(f"{times} keys revoked: p95, max ms", in_ms(seen))
    return seen


def other_than_now(made: Stand) -> str:
    rows = made.sql(
        "SELECT m.model_id FROM catalog_aliastarget t JOIN catalog_alias a "
        "ON a.id = t.alias_id JOIN catalog_aimodel m ON m.id = t.model_id "
        "WHERE a.name = 'colour'"
    )
    return BLUE if rows[0][0] == RED else RED


def cut_listeners(made: Stand) -> None:
    ended = made.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name = 'signalbox listener'"
    )
    assert len(ended) >= 1


def says_model(model: str) -> Callable[[int, str], bool]:
    return lambda status, found: status == 200 and found == model


async def watch(
    made: Stand,
    key: str,
    change: Callable[[], object],
    is_seen: Callable[[int, str], bool],
) -> list[float]:
    """Make the change; return how long after its commit each process showed it.

    PostgreSQL tells of the commit itself, to a listener of the test's own.
    """
    with Commits(made) as commits:
        watching = asyncio.create_task(sights(made, key, is_seen))
        await asyncio.to_thread(change)
        seen = await watching
    assert commits.first < math.inf
    return [max(0.0, moment - commits.first) for moment in seen]


async def sights(
    made: Stand, key: str, is_seen: Callable[[int, str], bool]
) -> list[float]:
    """Ask every process until its answer shows it; return when that was."""
    async with aiohttp.ClientSession() as http:
        tasks = [
            asyncio.create_task(_first_sight(http, url, key, is_seen))
            for url in made.urls
        ]
        return await asyncio.gather(*tasks)


class Commits:
    """Notes when the first change of the configuration is committed."""

    def __init__(self, made: Stand) -> None:
        self.first = math.inf
        self._url = made.environment["DATABASE_URL"]

    def __enter__(self) -> Self:
        self._connection = psycopg.connect(self._url, autocommit=True)
        self._connection.execute(f"LISTEN {CHANNEL}")
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A change that was committed has been heard of by now.
        self._thread.join(1)
        self._connection.close()

    def _listen(self) -> None:
        for _ in self._connection.notifies(timeout=GIVE_UP_SECONDS, stop_after=1):
            self.first = time.monotonic()


async def _first_sight(
    http: aiohttp.ClientSession, url: str, key: str, is_seen: Callable[[int, str], bool]
) -> float:
    body = {"model": "colour", "messages": [{"role": "user", "content": "Hello"}]}
    headers = {"authorization": f"Bearer {key}"}
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < give_up:
        async with http.post(
            f"{url}/v1/chat/completions", json=body, headers=headers
        ) as response:
            model = response.headers.get("x-signalbox-model", "")
            if is_seen(response.status, model):
                return time.monotonic()
        await asyncio.sleep(0.005)
    raise AssertionError("never seen")


def in_ms(seconds: list[float]) -> tuple[int, int]:
    return round(percentile(seconds, 0.95) * 1000), round(max(seconds) * 1000)
