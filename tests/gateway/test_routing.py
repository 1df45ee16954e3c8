"""In which order candidates are asked."""

from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.candidates import Candidate, Candidates
from gateway.dialects.signalbox.checks import STRATEGIES as OWN_STRATEGIES
from gateway.generate_answers import _FIRST_BY
from gateway.routing import EXPLORED, PROMPT_HELD, STRATEGIES, plan_route
from gateway.selection.observations import OBSERVATIONS
from gateway.types import Attribution, ProviderPreferences
from tenants.strategies import Strategy
from tests.gateway.records import ENDPOINT, model, provider, request
from usage.costs import price_sheet

NO_WISHES = ProviderPreferences()


def candidate(number: int, slug: str = "acme", **fields: Any) -> Candidate:
    latency = fields.pop("latency", None)
    usd = fields.pop("usd", "1.00")
    record = model(number, provider(slug, number), usd=usd, expected_latency_ms=latency)
    values = {"priority": 1, "weight": 100, "turn": 0, **fields}
    return Candidate(record, ENDPOINT, None, record.sheet_at(1.0), **values)


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    OBSERVATIONS.clear()


def priced(of: Candidate, usd_in: str, usd_out: str) -> Candidate:
    rates = [("input", usd_in), ("output", usd_out)]
    rows = [
        (at, name, 0, Decimal(usd).scaleb(-6)) for at, (name, usd) in enumerate(rates)
    ]
    return msgspec.structs.replace(of, prices=price_sheet(rows))


def order(
    strategy: str,
    *able: Candidate,
    wishes: ProviderPreferences = NO_WISHES,
    sent: int = 300,
    max_output_tokens: int = 100,
    is_sticky: bool = False,
    user: str = "",
    explores: bool = False,
) -> list[int]:
    candidates = Candidates(
        "fast",
        strategy,
        {},
        able=list(able),
        input_tokens=sent,
        is_sticky=is_sticky,
    )
    asked = request(
        "fast",
        preferences=wishes,
        max_output_tokens=max_output_tokens,
        attribution=Attribution(end_user=user),
    )
    route = plan_route(candidates, asked, explores=explores)
    return [each.model.id for each in route]


def test_priorities_are_taken_from_the_lowest_on() -> None:
    able = [candidate(1, priority=3), candidate(2), candidate(3), candidate(4)]

    assert order("priority", *able) == [2, 3, 4, 1]


@pytest.mark.parametrize("strategy", ["cheapest", "price"])
def test_the_cheapest_is_asked_first_and_what_has_no_price_last(strategy: str) -> None:
    able = [
        candidate(1, usd=None),
        candidate(2, usd="3"),
        candidate(3, usd="0.5"),
        candidate(4, usd="0"),
    ]

    assert order(strategy, *able) == [4, 3, 2, 1]


@pytest.mark.parametrize("strategy", ["fastest", "latency"])
def test_the_fastest_is_asked_first_and_who_is_not_known_last(strategy: str) -> None:
    able = [candidate(1), candidate(2, latency=900), candidate(3, latency=100)]

    assert order(strategy, *able) == [3, 2, 1]


def test_what_was_seen_counts_more_than_what_the_catalog_says() -> None:
    able = [candidate(1, latency=100), candidate(2, latency=900), candidate(3)]
    for _ in range(3):
        OBSERVATIONS.note("acme/m1", 100, 5_000.0, None)
        OBSERVATIONS.note("acme/m3", 100, 50.0, None)

    assert order("fastest", *able) == [3, 2, 1]


def test_the_fastest_depends_on_how_long_the_answer_will_be() -> None:
    for tokens in (10, 1_000):
        OBSERVATIONS.note("acme/m1", tokens, 100.0 + 10 * tokens, 100.0)
        OBSERVATIONS.note("acme/m2", tokens, 1_000.0 + 1 * tokens, 1_000.0)
    able = [candidate(1), candidate(2)]

    assert order("fastest", *able, max_output_tokens=5) == [1, 2]
    assert order("fastest", *able, max_output_tokens=400) == [2, 1]


def test_now_and_then_another_is_asked_to_learn_how_it_does() -> None:
    able = [candidate(1, latency=100), candidate(2, latency=900), candidate(3, turn=1)]

    firsts = Counter(order("fastest", *able, explores=True)[0] for _ in range(4_000))

    assert 5 <= firsts[2] <= 90
    assert firsts[3] == 0
    assert firsts[1] + firsts[2] == 4_000


def test_the_cheapest_depends_on_what_is_sent_and_answered() -> None:
    talks, reads = candidate(1), candidate(2)
    dear_answers = priced(reads, "1", "50")
    dear_questions = priced(talks, "5", "6")

    def cheapest(sent: int, received: int) -> int:
        able = [dear_questions, dear_answers]
        return order("cheapest", *able, sent=sent, max_output_tokens=received)[0]

    assert cheapest(10_000, 10) == 2
    assert cheapest(10, 400) == 1


def test_a_sticky_lot_is_the_same_for_a_user_and_fair_among_users() -> None:
    able = [candidate(1, weight=75), candidate(2, weight=25)]

    def drawn(user: str) -> int:
        return order("weighted", *able, is_sticky=True, user=user)[0]

    assert all(len({drawn(user) for _ in range(10)}) == 1 for user in "abcdefgh")
    firsts = Counter(drawn(f"user-{number}") for number in range(4_000))
    assert 0.71 < firsts[1] / 4_000 < 0.79


def test_when_a_target_goes_only_its_own_users_get_another() -> None:
    able = [candidate(number) for number in range(1, 5)]

    def drawn(user: str, *among: Candidate) -> int:
        return order("weighted", *among, is_sticky=True, user=user)[0]

    users = [f"user-{number}" for number in range(200)]
    before = {user: drawn(user, *able) for user in users}
    after = {user: drawn(user, *able[:3]) for user in users}

    assert all(before[user] in {4, after[user]} for user in users)


def test_without_a_user_even_a_sticky_lot_is_drawn_anew() -> None:
    able = [candidate(1), candidate(2)]

    assert {order("weighted", *able, is_sticky=True)[0] for _ in range(50)} == {1, 2}


def test_each_comes_first_as_often_as_its_weight_says() -> None:
    able = [candidate(1, weight=75), candidate(2, weight=25), candidate(3, weight=0)]

    firsts = Counter(order("weighted", *able)[0] for _ in range(4_000))

    assert 0.70 < firsts[1] / 4_000 < 0.80
    assert firsts[3] == 0


def test_the_providers_that_a_request_prefers_are_asked_first() -> None:
    able = [candidate(1, "one"), candidate(2, "two"), candidate(3, "three")]
    wishes = ProviderPreferences(order=("three", "elsewhere", "two"))

    assert order("priority", *able, wishes=wishes) == [3, 2, 1]


def test_the_names_of_a_request_are_worked_off_one_after_the_other() -> None:
    able = [
        candidate(1, usd="9"),
        candidate(2, usd="8"),
        candidate(3, usd="1", turn=1),
    ]

    assert order("cheapest", *able) == [2, 1, 3]


def test_without_fallbacks_only_the_first_is_asked() -> None:
    able = [candidate(1, priority=2), candidate(2)]

    wishes = ProviderPreferences(allow_fallbacks=False)

    assert order("priority", *able, wishes=wishes) == [2]


@given(
    strategy=st.sampled_from(sorted(STRATEGIES)),
    fields=st.lists(
        st.fixed_dictionaries(
            {
                "priority": st.integers(0, 9),
                "weight": st.integers(0, 9),
                "turn": st.integers(0, 3),
                "usd": st.sampled_from([None, "0", "1", "2"]),
                "latency": st.sampled_from([None, 0, 5]),
            }
        ),
        min_size=1,
        max_size=6,
    ),
    preferred=st.lists(st.sampled_from(["p1", "p2", "p9"]), unique=True),
)
def test_routing_loses_nobody(
    strategy: str, fields: list[dict[str, Any]], preferred: list[str]
) -> None:
    able = [candidate(at, f"p{at}", **each) for at, each in enumerate(fields)]

    found = order(strategy, *able, wishes=ProviderPreferences(order=tuple(preferred)))

    assert sorted(found) == list(range(len(fields)))


def test_every_strategy_has_a_function_a_word_and_a_reason() -> None:
    assert {*Strategy.values} < {*STRATEGIES}
    assert {*Strategy.values} == {*OWN_STRATEGIES}
    assert {*STRATEGIES, EXPLORED, PROMPT_HELD} == {*_FIRST_BY}


def test_who_cannot_be_told_apart_stays_in_the_order_of_the_catalog() -> None:
    able = [candidate(number) for number in range(5)]

    for strategy in ("priority", "specified", "cheapest", "fastest"):
        assert order(strategy, *able) == [0, 1, 2, 3, 4]
