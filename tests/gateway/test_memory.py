"""What requests and changes leave behind in memory: nothing that only the collector finds."""

import gc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import httpx
import pytest

from gateway.configuration import derived
from gateway.configuration.records import ModelRecord
from gateway.upstream.targets import Target
from tenants.models import Limit, Project
from tests.factories import LimitFactory
from tests.gateway.asking import PATH, ask
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

TIMES = 20


def own_name(each: object) -> str:
    """Name an object or a frame of the gateway's; others, the simulator's too, are ""."""
    if isinstance(each, FrameType):
        module, name = each.f_globals["__name__"], f"frame of {each.f_code.co_name}"
    else:
        module, name = type(each).__module__, type(each).__qualname__
    is_own = module.startswith(("gateway.", "config."))
    return name if is_own and not module.startswith("gateway.simulator") else ""


@contextmanager
def garbage(live: LiveGateway) -> Iterator[Counter[str]]:
    """Count what is left in cycles by what is done meanwhile, by type."""
    found: Counter[str] = Counter()
    live.settled()
    gc.collect()
    gc.disable()
    try:
        yield found
        live.settled()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(filter(None, map(own_name, gc.garbage)))
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def malformed(http: httpx.Client) -> None:
    assert http.post(PATH, json={"model": "fast", "messages": "no"}).status_code == 400


def unknown_model(http: httpx.Client) -> None:
    assert ask(http, "no-such", stream=False).status_code == 404


def no_such_path(http: httpx.Client) -> None:
    assert http.post("/v1/no-such", json={}).status_code == 404


def wrong_key(http: httpx.Client) -> None:
    headers = {"authorization": "Bearer sb_live_wrong"}
    assert http.post(PATH, json={}, headers=headers).status_code in {401, 429}


def plain(http: httpx.Client) -> None:
    assert ask(http, stream=False).status_code == 200


def streamed(http: httpx.Client) -> None:
    assert ask(http, stream=True).status_code == 200


def slow(http: httpx.Client) -> None:
    """So slow that the client is watched by a task of its own."""
    assert ask(http, "slow", stream=False).status_code == 200


def by_the_second_target(http: httpx.Client) -> None:
    assert ask(http, "fallback", stream=False).status_code == 200


def from_nobody(http: httpx.Client) -> None:
    assert ask(http, "broken", stream=False).status_code >= 500


def broken_off(http: httpx.Client) -> None:
    assert ask(http, "truncated", stream=True).status_code in {200, 502, 503}


KINDS = [
    malformed,
    unknown_model,
    no_such_path,
    wrong_key,
    plain,
    streamed,
    slow,
    by_the_second_target,
    from_nobody,
    broken_off,
]


@pytest.fixture
def offered(offer: Offer) -> None:
    offer("sim-chat")
    offer("sim-chat-latency-80", name="slow")
    offer("sim-fault-500", "sim-chat", name="fallback")
    offer("sim-fault-502", name="broken")
    offer("sim-fault-truncate-5", name="truncated")


@pytest.mark.usefixtures("offered")
@pytest.mark.parametrize("kind", KINDS)
def test_a_request_leaves_no_cycle_behind(
    live: LiveGateway, http: httpx.Client, kind: Callable[[httpx.Client], None]
) -> None:
    kind(http)

    with garbage(live) as found:
        for _ in range(TIMES):
            kind(http)

    assert not found


def test_a_former_configuration_is_let_go(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(derived, "_TURN_S", 0.0)
    alias = offer("sim-chat")
    limit: Limit = LimitFactory.create(project=project, metric="requests", amount=10**6)

    def records() -> int:
        return sum(type(o) in {ModelRecord, Target} for o in gc.get_objects())

    def change_and_ask() -> None:
        alias.sticky = not alias.sticky
        alias.save()
        limit.amount += 1
        limit.save()
        live.caught_up()
        assert ask(http, stream=False).status_code == 200

    for _ in range(3):
        change_and_ask()
    before = records()
    for _ in range(10):
        change_and_ask()

    assert records() <= before
