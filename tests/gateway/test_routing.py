"""In which order candidates are asked."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.candidates import Candidate, Candidates
from gateway.routing import STRATEGIES, plan_route
from gateway.types import ProviderPreferences
from tests.gateway.records import ENDPOINT, model, provider

NO_WISHES = ProviderPreferences()


def candidate(number: int, slug: str = "acme", **fields: Any) -> Candidate:
    latency = fields.pop("latency", None)
    usd = fields.pop("usd", "1.00")
    record = model(number, provider(slug, number), usd=usd, expected_latency_ms=latency)
    values = {"priority": 1, "weight": 100, "turn": 0, **fields}
    return Candidate(record, ENDPOINT, None, record.sheet_at(1.0), **values)


def order(
    strategy: str, *able: Candidate, wishes: ProviderPreferences = NO_WISHES
) -> list[int]:
    candidates = Candidates("fast", strategy, {}, able=list(able))
    return [each.model.id for each in plan_route(candidates, wishes)]


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


def test_who_cannot_be_told_apart_stays_in_the_order_of_the_catalog() -> None:
    able = [candidate(number) for number in range(5)]

    for strategy in ("priority", "cheapest", "fastest"):
        assert order(strategy, *able) == [0, 1, 2, 3, 4]
