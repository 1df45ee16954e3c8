"""An answer is given again to the same question of the same project, and to no other."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import redis

from gateway.simulator import Simulator
from tenants.models import ApiKey, Project
from tests.factories import LimitFactory
from tests.gateway.asking import HELLO, PATH
from tests.gateway.cache.conftest import Ask, cache_of
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until
from usage.models import CacheEntry, UsageEvent

pytestmark = pytest.mark.usefixtures("fast")


def test_the_same_request_is_answered_once(ask: Ask, upstream: Simulator) -> None:
    first, second = ask(), ask()

    assert (cache_of(first), cache_of(second)) == ("miss", "hit")
    assert first.content == second.content
    assert len(upstream.calls) == 1
    assert second.headers["x-signalbox-attempts"] == "0"
    assert second.headers["x-signalbox-cost-usd"] == "0"
    assert second.headers["x-signalbox-model"] == "sim-chat"


def test_a_hit_costs_nothing_and_says_what_it_saved(
    ask: Ask, live: LiveGateway, project: Project
) -> None:
    ask(), ask()

    attempt, hit = live.events(project)

    assert (attempt.kind, attempt.cache) == (UsageEvent.Kind.ATTEMPT, "miss")
    assert (hit.kind, hit.cache, hit.status) == ("cache_hit", "hit", "ok")
    assert hit.cost_usd == 0
    assert (hit.input_tokens, hit.output_tokens) == (0, 0)
    assert hit.saved_usd == attempt.cost_usd
    assert hit.attempt == 0
    entry = CacheEntry.objects.for_project(project).get()
    assert (entry.hit_count, entry.saved_usd) == (1, attempt.cost_usd)
    assert (entry.alias, entry.provider, entry.model) == ("fast", "sim", "sim-chat")


def test_who_is_over_a_limit_is_refused_what_is_known_too(
    ask: Ask, live: LiveGateway, project: Project
) -> None:
    LimitFactory.create(project=project, metric="requests", amount=2)

    statuses = [ask().status_code for _ in range(4)]

    assert statuses == [200, 200, 429, 429]
    kinds = [event.kind for event in live.events(project)]
    assert kinds == ["attempt", "cache_hit"]
    assert CacheEntry.objects.for_project(project).get().hit_count == 1


def test_another_project_never_gets_the_answer(
    ask: Ask, other_http: httpx.Client, upstream: Simulator
) -> None:
    """K1."""
    ask()
    body = {"model": "fast", "messages": HELLO, "max_tokens": 50}

    reply = other_http.post(PATH, json=body)

    assert cache_of(reply) == "miss"
    assert len(upstream.calls) == 2


def test_a_client_cannot_tell_what_the_key_is(ask: Ask, project: Project) -> None:
    """K1, K2: the key is not shown, and no header or field takes part in it."""
    ask()
    reply = ask()

    key = CacheEntry.objects.for_project(project).values_list("key", flat=True)
    assert not any(each in str(reply.headers) + reply.text for each in key)


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": [{"role": "user", "content": "Hello here"}]},
        {"max_tokens": 51},
        {"seed": 7},
        {"top_p": 0.5},
        {"temperature": 0},
        {"stop": ["x"]},
        {"response_format": {"type": "json_object"}},
        {"logit_bias": {"50256": -100}},
        {"unknown_field": 1},
        {"reasoning_effort": "low"},
        {"model": "sim/sim-chat", "n": 2},
        {"provider": {"order": ["sim"]}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_changes_the_answer_makes_another_question(
    ask: Ask, fields: dict[str, Any]
) -> None:
    """K2."""
    ask()

    assert cache_of(ask(**fields)) == "miss"


def test_who_asks_and_how_it_is_delivered_does_not(
    ask: Ask, http: httpx.Client
) -> None:
    ask()
    body = {"model": "fast", "messages": HELLO, "max_tokens": 50, "user": "u-1"}
    headers = {"x-signalbox-user": "u-2", "x-signalbox-feature": "search"}

    assert cache_of(http.post(PATH, json=body, headers=headers)) == "hit"
    assert cache_of(ask(stream=True)) == "hit"


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": 0.7},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"web_search_options": {}},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_is_not_settled_is_asked_anew(
    ask: Ask, upstream: Simulator, fields: dict[str, Any]
) -> None:
    assert [cache_of(ask(**fields)) for _ in range(2)] == ["bypass", "bypass"]
    assert len(upstream.calls) == 2


def test_a_project_may_have_everything_kept(
    ask: Ask, project: Project, live: LiveGateway
) -> None:
    project.cache = {"enabled": True, "all": True}
    project.save()
    live.caught_up()

    assert [cache_of(ask(temperature=0.7)) for _ in range(2)] == ["miss", "hit"]


@pytest.mark.parametrize("settings", [{}, {"enabled": False}, {"enabled": "yes"}])
def test_without_leave_of_the_project_nothing_is_kept(
    ask: Ask, project: Project, live: LiveGateway, settings: dict[str, Any]
) -> None:
    """K6."""
    project.cache = settings
    project.save()
    live.caught_up()

    assert [cache_of(ask("60")) for _ in range(2)] == ["bypass", "bypass"]


def test_a_request_may_say_how_long_and_then_sampled_answers_are_kept_too(
    ask: Ask,
) -> None:
    assert cache_of(ask("60", temperature=0.7)) == "miss"
    assert cache_of(ask("60", temperature=0.7)) == "hit"


def test_a_request_may_leave_the_cache_out(ask: Ask, upstream: Simulator) -> None:
    ask()

    assert cache_of(ask("off")) == "bypass"
    assert len(upstream.calls) == 2


def test_a_request_may_have_its_answer_renewed(ask: Ask, upstream: Simulator) -> None:
    ask()

    assert cache_of(ask("refresh")) == "miss"
    assert cache_of(ask()) == "hit"
    assert len(upstream.calls) == 2


def test_an_answer_may_be_too_old_for_one_request_only(ask: Ask) -> None:
    ask()
    time.sleep(1.1)

    assert cache_of(ask("3600")) == "hit"
    assert cache_of(ask("1")) == "miss"


def test_an_answer_expires(ask: Ask) -> None:
    ask("1")
    assert cache_of(ask()) == "hit"
    time.sleep(1.1)

    assert cache_of(ask()) == "miss"


@pytest.mark.parametrize(
    ("ttl_s", "later"), [(1, "miss"), (3_600, "hit"), (0, "hit"), ("1", "hit")]
)
def test_a_project_says_how_long_answers_are_kept(
    ask: Ask, project: Project, live: LiveGateway, ttl_s: object, later: str
) -> None:
    """What is no time in seconds counts for nothing; then it is a day."""
    project.cache = {"enabled": True, "ttl_s": ttl_s}
    project.save()
    live.caught_up()
    ask()
    time.sleep(1.1)

    assert cache_of(ask()) == later


def test_a_request_may_keep_an_answer_longer_than_its_project_does(
    ask: Ask, project: Project, live: LiveGateway
) -> None:
    project.cache = {"enabled": True, "ttl_s": 1}
    project.save()
    live.caught_up()
    ask("3600")
    time.sleep(1.1)

    assert cache_of(ask()) == "hit"


def test_no_answer_is_kept_for_ever(
    ask: Ask, live: LiveGateway, project: Project
) -> None:
    ask("9999999999")
    live.settled()

    entry = CacheEntry.objects.for_project(project).get()
    assert (entry.expires_at - entry.created_at).days == 30


@pytest.mark.parametrize("wish", ["on", "-1", "1.5", "60 s", "9" * 20, "²"])
def test_a_wish_that_makes_no_sense_is_refused(http: httpx.Client, wish: str) -> None:
    headers = [(b"x-signalbox-cache", wish.encode())]

    reply = http.post(PATH, json={"model": "fast", "messages": HELLO}, headers=headers)

    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "x-signalbox-cache"


@pytest.mark.parametrize(
    "fault", ["error-200", "html", "empty", "truncate", "500", "context"]
)
def test_no_error_is_kept(
    offer: Offer,
    ask: Ask,
    live: LiveGateway,
    upstream: Simulator,
    project: Project,
    redis_names: Callable[[], list[str]],
    fault: str,
) -> None:
    """K2."""
    offer(f"sim-fault-{fault}", name="bad")
    of_earlier_tests = {*redis_names()}

    first = ask(model="bad")
    asked = len(upstream.calls)
    second = ask(model="bad")
    live.settled()

    assert first.is_error
    assert second.is_error
    # The provider was asked both times, and nobody remembers what it said.
    assert len(upstream.calls) > asked > 0
    assert not CacheEntry.objects.for_project(project).exists()
    assert {*redis_names()} <= of_earlier_tests


def test_an_answer_that_breaks_the_schema_is_not_kept(
    offer: Offer, ask: Ask, live: LiveGateway, project: Project
) -> None:
    """K2."""
    offer("sim-fault-wrong-json", name="bad")
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"name": "x", "schema": {**schema, "required": ["a"]}}
    form = {"type": "json_schema", "json_schema": wanted}

    assert ask(model="bad", response_format=form).status_code == 422
    ask(model="bad", response_format=form, stream=True)

    live.settled()
    assert not CacheEntry.objects.for_project(project).exists()


def test_a_revoked_key_gets_no_kept_answer(
    ask: Ask, live: LiveGateway, project: Project
) -> None:
    """K4."""
    ask()
    ApiKey.objects.for_project(project).get().revoke()
    live.caught_up()

    assert ask().status_code == 401


def test_a_limit_counts_hits_as_well(
    ask: Ask, live: LiveGateway, project: Project
) -> None:
    """K4."""
    LimitFactory.create(project=project, metric="requests", amount=2, per="hour")
    live.caught_up()

    replies = [ask() for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert cache_of(replies[1]) == "hit"


def test_an_alias_that_leads_elsewhere_has_other_answers(
    ask: Ask, offer: Offer, live: LiveGateway
) -> None:
    """K4."""
    ask(model="fast")
    alias = offer("sim-chat-events-3", name="slow")

    assert cache_of(ask(model="slow")) == "miss"
    assert cache_of(ask(model="slow")) == "hit"
    alias.defaults = {"temperature": 0}
    alias.save()
    live.caught_up()
    assert cache_of(ask(model="slow")) == "miss"


def test_a_provider_that_is_asked_otherwise_has_other_answers(
    ask: Ask, live: LiveGateway, provider: Any
) -> None:
    """K4."""
    ask()
    provider.add_params = {"seed": 1}
    provider.save()
    live.caught_up()

    assert cache_of(ask()) == "miss"


def test_what_is_kept_is_sealed(
    ask: Ask,
    live: LiveGateway,
    project: Project,
    redis_client: "redis.Redis[bytes]",
    redis_names: Callable[[], list[str]],
) -> None:
    """K6: neither table nor Redis holds what was asked or answered."""
    of_earlier_tests = {*redis_names()}
    answer = ask().json()["choices"][0]["message"]["content"]
    live.settled()
    wait_until(lambda: {*redis_names()} > of_earlier_tests)

    entry = CacheEntry.objects.for_project(project).get()
    in_redis = [redis_client.get(name) for name in {*redis_names()} - of_earlier_tests]
    for sealed in (bytes(entry.sealed), *in_redis):
        assert isinstance(sealed, bytes)
        assert answer.encode() not in sealed
        assert HELLO[0]["content"].encode() not in sealed
