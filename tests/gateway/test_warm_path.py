"""A warm request asks PostgreSQL nothing and Redis at most once."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import httpx
import psycopg
import pytest
import redis
from django.conf import settings

from gateway.limits.scripts import ADMIT, HEARTBEAT, SETTLE
from gateway.resilience.cap_sharing import CHARGE
from gateway.selection.observation_sharing import SHARE
from tenants.models import ApiKey, Budget, Project
from tests.factories import LimitFactory
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until

PATH = "/v1/chat/completions"
BODY: Any = {"model": "fast", "messages": [{"role": "user", "content": "Hello there"}]}
REQUESTS = 50

_SCRIPTS = {
    ADMIT.digest: "admit",
    SETTLE.digest: "settle",
    HEARTBEAT.digest: "heartbeat",
    SHARE.digest: "share",
    CHARGE.digest: "caps",
}


@contextmanager
def statements() -> Iterator[list[str]]:
    """Note every SQL statement of this process, whichever thread and driver sends it.

    What belongs to no request is left out: the shipper's writes, which have a thread of
    their own, and the poll of the configuration's version.
    """
    found: list[str] = []

    def noting(execute: Any) -> Any:
        def noted(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
            text = query if isinstance(query, str) else str(query)
            of_poll = "tenants_configchange" in text
            if threading.current_thread().name != "shipper" and not of_poll:
                found.append(f"{threading.current_thread().name}: {text}")
            return execute(self, query, *arguments, **options)

        return noted

    with (
        patch.object(psycopg.Cursor, "execute", noting(psycopg.Cursor.execute)),
        patch.object(
            psycopg.AsyncCursor, "execute", noting(psycopg.AsyncCursor.execute)
        ),
    ):
        yield found


@contextmanager
def redis_commands() -> Iterator[Counter[str]]:
    """Count every command that Redis is sent, scripts by what they do."""
    counts: Counter[str] = Counter()

    def listen() -> None:
        for seen in monitor.listen():
            words = seen["command"].split()
            # Other test processes have databases of their own in the same server.
            if int(seen["db"]) != database:
                continue
            if words[0] == "ECHO":
                return
            # What a script does inside of Redis is no command of ours.
            if seen["client_type"] != "lua":
                # Such as a ping, which has no second word.
                counts[
                    _SCRIPTS.get(words[min(1, len(words) - 1)], words[0].lower())
                ] += 1

    url = settings.REDIS_URL
    with redis.Redis.from_url(url) as client, redis.Redis.from_url(url) as other:
        database = int(client.connection_pool.connection_kwargs.get("db", 0))
        # What connecting needs is sent before the counting begins.
        other.ping()
        with client.monitor() as monitor:
            listener = threading.Thread(target=listen)
            listener.start()
            yield counts
            other.echo("This was all.")
            listener.join(timeout=5)


Ask = Callable[[], None]


@pytest.fixture(params=[False, True], ids=["plain", "streamed"])
def ask(http: httpx.Client, request: pytest.FixtureRequest) -> Ask:
    def ask() -> None:
        assert http.post(PATH, json={**BODY, "stream": request.param}).is_success

    return ask


def test_a_warm_request_sends_no_sql(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    for metric in ("requests", "tokens", "concurrency"):
        LimitFactory.create(project=project, metric=metric, amount=100_000)
    offer("sim-chat")

    with statements() as cold:
        ask()
    live.settled()
    with statements() as warm:
        for _ in range(REQUESTS):
            ask()

    assert any("tenants_apikey" in statement for statement in cold)
    assert warm == []
    assert len(live.events(project)) == REQUESTS + 1


@pytest.mark.parametrize(
    ("metrics", "admissions", "settlements"),
    [
        ([], 0, 0),
        (["requests"], 1, 0),
        (["requests", "tokens"], 1, 1),
        (["requests", "tokens", "concurrency"], 1, 1),
    ],
    ids=["no limits", "requests", "requests and tokens", "all limits"],
)
def test_a_warm_request_asks_redis_once_at_most(
    live: LiveGateway,
    ask: Ask,
    offer: Offer,
    project: Project,
    metrics: list[str],
    admissions: int,
    settlements: int,
) -> None:
    for metric in metrics:
        LimitFactory.create(project=project, metric=metric, amount=100_000)
        key = ApiKey.objects.for_project(project).get()
        LimitFactory.create(project=project, api_key=key, metric=metric, amount=90_000)
    offer("sim-chat")
    limiter = live.gateway.limiter
    link = limiter.link
    ask()
    live.settled()
    wait_until(lambda: not limiter._settlements and not link._later)
    # What was taken from the queue is on its way for as long as this at most.
    time.sleep(0.05)

    with (
        patch.object(type(link), "ask", autospec=True, side_effect=type(link).ask) as a,
        redis_commands() as counts,
    ):
        for _ in range(REQUESTS):
            ask()
        live.settled()
        wait_until(lambda: not limiter._settlements and not link._later)
        time.sleep(0.05)

    # What is awaited goes through `ask`; settlements are sent behind the answer, those
    # of one moment together.
    assert a.call_count == REQUESTS * admissions
    assert counts["admit"] == REQUESTS * admissions
    assert settlements <= counts["settle"] <= REQUESTS * settlements
    # What a process tells of itself has its own time and belongs to no request.
    assert {*counts} <= {"admit", "settle", "heartbeat", "share", "caps", "ping"}


def test_a_warm_request_with_budgets_sends_no_sql(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    for per in ("day", "month"):
        Budget.objects.create(project=project, amount_usd=1_000, per=per)
    Budget.objects.create(organization=project.organization, amount_usd=1_000)
    Budget.objects.create(project=project, amount_usd=0, mode="shadow")
    offer("sim-chat")
    ask()
    live.settled()

    with statements() as warm:
        for _ in range(REQUESTS):
            ask()

    # What is held is renewed twice a second, whatever the number of requests.
    of_requests = [
        each for each in warm if "usage_take" in each or "usage_open" in each
    ]
    assert of_requests == []
