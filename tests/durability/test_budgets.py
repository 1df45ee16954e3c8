"""Hard budgets over many processes: nothing is overspent, and nothing stays held."""

import asyncio
import itertools
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_UP, Decimal
from typing import Any

import aiohttp
import pytest

from gateway.budgets.statements import LEASE_SECONDS
from tests.durability.bills import wait_until_stored
from tests.durability.conftest import Note
from tests.durability.load import CANARY
from tests.durability.stand import Stand, stand, until
from usage.shipper import GRACE_SECONDS, SWEEP_SECONDS

PARALLEL = 200
FITTING = 10
# A lease may have been renewed the moment before its process died.
BACK_SECONDS = LEASE_SECONDS + max(SWEEP_SECONDS, GRACE_SECONDS)
BODY: dict[str, Any] = {
    "model": "quick",
    "messages": [{"role": "user", "content": f"Hello {CANARY}"}],
    "max_tokens": 4,
}


def test_a_budget_that_fits_ten_is_never_overspent(
    quick_stand: Stand, note: Note
) -> None:
    spend_all_at_once(quick_stand, 90, note)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_sixteen_processes_never_overspend_a_budget_that_fits_ten(
    note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So many start slowly on few cores.
    monkeypatch.setattr("tests.durability.stand.START_SECONDS", 300.0)
    with stand(webs=16) as made:
        spend_all_at_once(made, PARALLEL, note)


def test_nothing_stays_reserved_for_streams_that_were_cancelled(
    quick_stand: Stand, note: Note
) -> None:
    cancel_streams(quick_stand, 300, note)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_nothing_stays_reserved_for_ten_thousand_cancelled_streams(note: Note) -> None:
    with stand() as made:
        cancel_streams(made, 10_000, note)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_what_a_killed_process_held_comes_back(note: Note) -> None:
    with stand() as made:
        key = made.console.new_key("killed")
        budget = put_budget(made, "killed", Decimal(1))
        with streams(made.urls[:1], key, "endless", 20):
            until(lambda: held(made, budget) > 0, at_most=5)
            made.webs[0].kill()

        waited = until(lambda: held(made, budget) == 0, at_most=BACK_SECONDS)

        wait_until_stored(made, at_most=10)
        assert spent(made, budget) == booked(made, budget) > 0
        note("reserved is 0 after s", round(waited, 1))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_hard_budget_costs_a_tenth_of_a_request_at_most(note: Note) -> None:
    with stand(webs=1) as made:
        keys = {name: made.console.new_key(name) for name in ("free", "bound")}
        put_budget(made, "bound", Decimal(10_000))
        web = made.webs[0]
        for key in keys.values():
            asyncio.run(send(made.urls, key, 1_000, at_once=16))
        shares = []
        for number in range(12):
            used = {}
            for name in ("free", "bound") if number % 2 else ("bound", "free"):
                before = web.cpu_seconds()
                answers = asyncio.run(send(made.urls, keys[name], 1_500, at_once=16))
                used[name] = web.cpu_seconds() - before
                assert {*answers} == {200}
            shares.append(used["bound"] / used["free"])

        share = statistics.median(shares)
        note("processor time with a hard budget / without", round(share, 3))
        assert share <= 1.10


def spend_all_at_once(made: Stand, parallel: int, note: Note) -> None:
    """Send so many requests to each process at the same moment, for ten's money."""
    project = "racing"
    key = made.console.new_key(project)
    raise_price(made)
    assert asyncio.run(send(made.urls[:1], key, 1, at_once=1)) == [200]
    until(lambda: made.sql(COSTS, project), at_most=5)
    cost: Decimal = made.sql(COSTS, project)[0][0]
    # What was spent before the budget was made counts, too.
    amount = (cost * (FITTING + 1)).quantize(Decimal("0.0001"), ROUND_UP)
    budget = put_budget(made, project, amount)
    wait_until_known(made, budget, key)

    statuses = Counter(
        asyncio.run(send(made.urls, key, parallel * len(made.webs), at_once=10_000))
    )

    wait_until_stored(made, at_most=30)
    until(lambda: spent(made, budget) == booked(made, budget), at_most=5)
    # On few cores some wait for too long, for a thread or for their body to be read.
    assert {*statuses} <= {200, 402, 408, 503}
    assert statuses[200] > 0
    assert spent(made, budget) <= amount
    waited = until(lambda: held(made, budget) == 0, at_most=LEASE_SECONDS)
    note("requests", sum(statuses.values()))
    note("answers", dict(statuses))
    note("of the budget spent", f"{spent(made, budget) / amount:.1%}")
    note("reserved is 0 after s", round(waited, 1))


COSTS = """
    SELECT e.cost_usd FROM usage_usageevent e
    JOIN tenants_project p ON p.id = e.project_id WHERE p.slug = %s
"""


def cancel_streams(made: Stand, count: int, note: Note) -> None:
    """Break streams off after their first bytes, many of them at a time."""
    key = made.console.new_key("fickle")
    budget = put_budget(made, "fickle", Decimal(50))
    wait_until_known(made, budget, key)

    asyncio.run(break_off(made.urls, key, count))

    waited = until(lambda: held(made, budget) == 0, at_most=LEASE_SECONDS)
    wait_until_stored(made, at_most=60)
    assert spent(made, budget) == booked(made, budget) > 0
    note("streams broken off", count)
    note("reserved is 0 after s", round(waited, 1))


def put_budget(made: Stand, project: str, amount: Decimal, per: str = "month") -> int:
    """Give a project a hard budget and return its id."""
    [(budget,)] = made.sql(
        "INSERT INTO tenants_budget (project_id, amount_usd, per, mode, warn_at, "
        "active, alias, each_end_user) "
        "SELECT id, %s, %s, 'hard', '[50]', true, '', false "
        "FROM tenants_project WHERE slug = %s RETURNING id",
        amount,
        per,
        project,
    )
    return int(budget)


def wait_until_known(made: Stand, budget: int, key: str) -> None:
    """Wait until every process keeps to a budget that is new.

    A request that no process has money for opens the budget's window.
    """
    [(amount,)] = made.sql("SELECT amount_usd FROM tenants_budget WHERE id=%s", budget)
    made.sql("UPDATE tenants_budget SET amount_usd = 0 WHERE id = %s", budget)
    for url in made.urls:
        until(
            lambda url=url: asyncio.run(send([url], key, 1, at_once=1)) == [402],  # type: ignore[misc]
            at_most=10,
        )
    made.sql("UPDATE tenants_budget SET amount_usd = %s WHERE id = %s", amount, budget)
    # A change is known everywhere within a second.
    time.sleep(1)


def raise_price(made: Stand) -> None:
    """Let ten requests come to more than the smallest amount that a budget may have."""
    made.sql(
        "INSERT INTO catalog_price (model_id, component, per_million, "
        "min_input_tokens, valid_from, created_at) "
        "SELECT m.id, c, 100, 0, now(), now() FROM catalog_aimodel m, "
        "unnest(ARRAY['input', 'output']) AS c "
        "WHERE m.model_id = 'sim-bench-quick' AND NOT EXISTS ("
        "SELECT 1 FROM catalog_price p WHERE p.model_id = m.id AND per_million = 100)"
    )
    time.sleep(2)


def spent(made: Stand, budget: int) -> Decimal:
    [(nano,)] = made.sql(
        "SELECT COALESCE(sum(spent_nano), 0) FROM usage_budgetwindow "
        "WHERE budget_id = %s",
        budget,
    )
    return Decimal(nano).scaleb(-9)


def held(made: Stand, budget: int) -> int:
    [(nano,)] = made.sql(
        "SELECT COALESCE(sum(l.amount_nano), 0) FROM usage_budgetlease l "
        "JOIN usage_budgetwindow w ON w.id = l.window_id WHERE w.budget_id = %s",
        budget,
    )
    return int(nano)


def booked(made: Stand, budget: int) -> Decimal:
    """Return what the events say that was spent."""
    [(usd,)] = made.sql(
        "SELECT COALESCE(sum(e.cost_usd), 0) FROM usage_usageevent e "
        "JOIN tenants_budget b ON b.project_id = e.project_id WHERE b.id = %s",
        budget,
    )
    return Decimal(usd)


async def send(urls: Sequence[str], key: str, count: int, *, at_once: int) -> list[int]:
    """Send so many requests, so many at a time, to each address in turn."""
    places = itertools.cycle(urls)
    room = asyncio.Semaphore(at_once)

    async def ask(http: aiohttp.ClientSession, url: str) -> int:
        async with (
            room,
            http.post(f"{url}/v1/chat/completions", json=BODY) as answer,
        ):
            await answer.read()
            return answer.status

    async with session(key) as http:
        return await asyncio.gather(*(ask(http, next(places)) for _ in range(count)))


async def break_off(urls: Sequence[str], key: str, count: int) -> None:
    places = itertools.cycle(urls)
    room = asyncio.Semaphore(PARALLEL)
    body = {**BODY, "model": "stream", "stream": True, "max_tokens": 400}

    async def ask(http: aiohttp.ClientSession, url: str) -> None:
        async with room:
            answer = await http.post(f"{url}/v1/chat/completions", json=body)
            assert answer.status == 200, await answer.text()
            await answer.content.readany()
            answer.close()

    async with session(key) as http:
        await asyncio.gather(*(ask(http, next(places)) for _ in range(count)))


def session(key: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=120),
        headers={"authorization": f"Bearer {key}"},
    )


@contextmanager
def streams(urls: Sequence[str], key: str, model: str, count: int) -> Iterator[None]:
    """Keep streams open that nobody ends."""
    loop = asyncio.new_event_loop()
    places = itertools.cycle(urls)

    async def open_all() -> tuple[aiohttp.ClientSession, list[Any]]:
        http = session(key)
        body = {**BODY, "model": model, "stream": True, "max_tokens": 400}
        asked = [
            http.post(f"{next(places)}/v1/chat/completions", json=body)
            for _ in range(count)
        ]
        return http, await asyncio.gather(*asked)

    http, answers = loop.run_until_complete(open_all())
    try:
        yield
    finally:
        for answer in answers:
            answer.close()
        loop.run_until_complete(http.close())
        loop.close()
