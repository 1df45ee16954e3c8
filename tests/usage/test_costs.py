from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from usage.costs import Cost, PriceSheet, cost_of, price_sheet
from usage.tokens import Tokens

COMPONENTS = [
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "audio_in",
    "audio_out",
    "image",
    "character",
    "second",
    "search",
]

amounts = st.integers(min_value=0, max_value=10**9)
# What a price row can hold: six decimals per million, or twelve per unit.
rates = st.integers(min_value=0, max_value=10**15).map(lambda n: Decimal(n).scaleb(-12))


def sheet(**usd: str) -> PriceSheet | None:
    return price_sheet(
        (number, component, 0, Decimal(amount))
        for number, (component, amount) in enumerate(usd.items(), start=1)
    )


@st.composite
def vectors(draw: st.DrawFn) -> Tokens:
    """Token vectors whose totals contain their parts."""
    cache_read, cache_write, audio_in = draw(amounts), draw(amounts), draw(amounts)
    reasoning, audio_out = draw(amounts), draw(amounts)
    return Tokens(
        input=cache_read + cache_write + audio_in + draw(amounts),
        output=reasoning + audio_out + draw(amounts),
        cache_read=cache_read,
        cache_write=cache_write,
        reasoning=reasoning,
        other={
            "audio_in": audio_in,
            "audio_out": audio_out,
            "image": draw(amounts),
            "second": draw(amounts),
        },
    )


def test_input_and_output_are_paid_for_by_the_token() -> None:
    cost = cost_of(
        Tokens(input=1000, output=10), sheet(input="0.000002", output="0.000006")
    )

    assert cost == Cost(Decimal("0.00206"), (1, 2))


def test_parts_with_a_price_of_their_own_are_not_paid_for_twice() -> None:
    tokens = Tokens(input=100, cache_read=60, cache_write=10, output=50, reasoning=20)
    prices = sheet(
        input="1", cache_read="0.1", cache_write="1.25", output="2", reasoning="3"
    )

    cost = cost_of(tokens, prices)

    assert cost is not None
    assert cost.usd == 30 + 6 + Decimal("12.5") + 60 + 60


def test_a_part_without_a_price_costs_what_its_total_costs() -> None:
    tokens = Tokens(input=100, cache_read=60, output=50, reasoning=20)

    cost = cost_of(tokens, sheet(input="1", output="2"))

    assert cost == Cost(Decimal(200), (1, 2))


def test_audio_counts_once() -> None:
    tokens = Tokens(input=100, output=50, other={"audio_in": 40, "audio_out": 30})

    cost = cost_of(tokens, sheet(input="1", output="1", audio_in="10", audio_out="20"))

    assert cost is not None
    assert cost.usd == 60 + 400 + 20 + 600


def test_an_answer_without_prices_has_no_known_cost() -> None:
    assert cost_of(Tokens(input=1), None) is None
    assert price_sheet([]) is None


def test_something_used_without_a_price_makes_the_cost_unknown() -> None:
    prices = sheet(input="1", output="1")

    assert cost_of(Tokens(input=1, other={"image": 1}), prices) is None
    assert cost_of(Tokens(input=1, other={"image": 0}), prices) is not None


def test_a_free_model_costs_zero_and_not_nothing() -> None:
    cost = cost_of(Tokens(input=5, output=5), sheet(input="0", output="0"))

    assert cost == Cost(Decimal(0), (1, 2))


def test_a_price_per_request_is_paid_once() -> None:
    cost = cost_of(Tokens(input=7), sheet(input="1", request="0.5"))

    assert cost == Cost(Decimal("7.5"), (1, 2))


def test_long_input_moves_the_whole_request_into_its_tier() -> None:
    prices = price_sheet(
        [
            (1, "input", 0, Decimal(1)),
            (2, "output", 0, Decimal(2)),
            (3, "input", 200, Decimal(10)),
        ]
    )

    at_the_edge = cost_of(Tokens(input=200, output=1), prices)
    above = cost_of(Tokens(input=201, output=1), prices)

    assert at_the_edge == Cost(Decimal(202), (1, 2))
    assert above == Cost(Decimal(2012), (3, 2))


def test_a_model_priced_for_long_input_alone_is_unpriced_below() -> None:
    prices = price_sheet([(1, "input", 100, Decimal(1))])

    assert cost_of(Tokens(input=100), prices) is None
    assert cost_of(Tokens(input=101), prices) == Cost(Decimal(101), (1,))


@given(tokens=vectors(), prices=st.fixed_dictionaries(dict.fromkeys(COMPONENTS, rates)))
def test_cost_is_the_exact_sum(tokens: Tokens, prices: dict[str, Decimal]) -> None:
    other = tokens.other
    used = {
        "input": tokens.input
        - tokens.cache_read
        - tokens.cache_write
        - other["audio_in"],
        "output": tokens.output - tokens.reasoning - other["audio_out"],
        "cache_read": tokens.cache_read,
        "cache_write": tokens.cache_write,
        "reasoning": tokens.reasoning,
        **other,
    }

    cost = cost_of(
        tokens, price_sheet((1, name, 0, usd) for name, usd in prices.items())
    )

    assert cost is not None
    assert Fraction(cost.usd) == sum(
        amount * Fraction(prices[name]) for name, amount in used.items()
    )


@given(tokens=vectors(), rate=rates)
def test_with_one_price_for_all_only_the_totals_matter(
    tokens: Tokens, rate: Decimal
) -> None:
    totals = Tokens(input=tokens.input, output=tokens.output)
    prices = price_sheet([(1, "input", 0, rate), (2, "output", 0, rate)])
    without_others = Tokens(
        input=tokens.input,
        output=tokens.output,
        cache_read=tokens.cache_read,
        cache_write=tokens.cache_write,
        reasoning=tokens.reasoning,
    )

    first, second = cost_of(totals, prices), cost_of(without_others, prices)

    assert first is not None
    assert second is not None
    assert first.usd == second.usd


@given(
    starts=st.lists(st.integers(min_value=1, max_value=1000), unique=True, max_size=5),
    length=st.integers(min_value=0, max_value=1100),
)
def test_the_tier_is_the_highest_that_the_input_exceeds(
    starts: list[int], length: int
) -> None:
    prices = price_sheet((start, "input", start, Decimal(1)) for start in [0, *starts])

    assert prices is not None
    tier = prices.tier_for(length)

    exceeded = [start for start in starts if length > start]
    assert tier.min_input_tokens == max(exceeded, default=0)


@given(
    tokens=st.sampled_from(
        [
            Tokens(input=1),
            Tokens(output=1),
            Tokens(input=1, cache_read=1),
            Tokens(input=1, cache_write=1),
            Tokens(output=1, reasoning=1),
            *(Tokens(other={component: 1}) for component in COMPONENTS[5:]),
        ]
    )
)
def test_nothing_used_is_ever_free_for_want_of_a_price(tokens: Tokens) -> None:
    prices = price_sheet([(1, "request", 0, Decimal(1))])

    assert cost_of(tokens, prices) is None
