"""What an answer cost: token vector times prices, exact, or None when not known."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

import msgspec

from usage.tokens import Tokens

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Rate:
    """A price in force: USD for one unit (token, image, second, …) of a component."""

    price_id: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """The rates of requests whose input is longer than `min_input_tokens`."""

    min_input_tokens: int
    rates: Mapping[str, Rate]


class Dearest(NamedTuple):
    """USD for one token in, one token out and one request, rounded as floats are."""

    input: float
    output: float
    request: float


@dataclass(frozen=True, slots=True)
class PriceSheet:
    """All rates of a model at one moment, longest input first; the last is for all.

    A tier holds every rate that applies in it, those of lower tiers included.
    """

    tiers: tuple[Tier, ...]
    # What nothing costs more than, whichever tier applies.
    dearest: Dearest

    def tier_for(self, input_tokens: int) -> Tier:
        for tier in self.tiers:
            if input_tokens > tier.min_input_tokens:
                return tier
        return self.tiers[-1]


# Of what somebody else pays for.
FREE = PriceSheet((Tier(0, {}),), Dearest(0.0, 0.0, 0.0))


class Cost(msgspec.Struct, frozen=True):
    """Money in USD, and the prices it was worked out from."""

    usd: Decimal
    price_ids: tuple[int, ...]


_NOTHING_TO_PAY = Cost(_ZERO, ())


def price_sheet(rows: Iterable[tuple[int, str, int, Decimal]]) -> PriceSheet | None:
    """Build the sheet from (price id, component, min_input_tokens, USD per unit) rows.

    None without rows: the model is not priced.
    """
    by_start: dict[int, dict[str, Rate]] = {}
    for price_id, component, start, usd in rows:
        by_start.setdefault(start, {})[component] = Rate(price_id, usd)
    if not by_start:
        return None
    by_start.setdefault(0, {})
    tiers: list[Tier] = []
    rates: dict[str, Rate] = {}
    for start in sorted(by_start):
        rates = {**rates, **by_start[start]}
        tiers.append(Tier(start, rates))
    dearest = Dearest(*(_dearest(tiers, name) for name in Dearest._fields))
    return PriceSheet(tuple(reversed(tiers)), dearest)


def _dearest(tiers: Iterable[Tier], component: str) -> float:
    rates = (tier.rates.get(component) for tier in tiers)
    return max((float(rate.usd) for rate in rates if rate is not None), default=0.0)


def cost_of(tokens: Tokens, sheet: PriceSheet | None) -> Cost | None:
    """Return the exact cost, or None when something that was used has no price.

    A part without a price of its own costs what its total costs. None is not zero: an
    unpriced answer must not look like a free one.
    """
    if sheet is None:
        return None
    if sheet is FREE:
        return _NOTHING_TO_PAY
    rates = sheet.tier_for(tokens.input).rates
    if not (
        tokens.cache_read or tokens.cache_write or tokens.reasoning or tokens.other
    ):
        return _plain_cost(tokens, rates)
    return _full_cost(tokens, rates)


def _plain_cost(tokens: Tokens, rates: Mapping[str, Rate]) -> Cost | None:
    """Return the cost of text in and text out, by far the most frequent case."""
    total = _ZERO
    price_ids: tuple[int, ...] = ()
    if tokens.input > 0:
        if (rate := rates.get("input")) is None:
            return None
        total += rate.usd * tokens.input
        price_ids += (rate.price_id,)
    if tokens.output > 0:
        if (rate := rates.get("output")) is None:
            return None
        total += rate.usd * tokens.output
        price_ids += (rate.price_id,)
    if (rate := rates.get("request")) is not None:
        total += rate.usd
        price_ids += (rate.price_id,)
    return Cost(total, price_ids)


def amounts_of(tokens: Tokens) -> list[tuple[str, str, int]]:
    """Return what is paid for: a component, the total that it is a part of, how much."""
    audio_in = tokens.other.get("audio_in", 0)
    audio_out = tokens.other.get("audio_out", 0)
    amounts: list[tuple[str, str, int]] = [
        (
            "input",
            "input",
            tokens.input - tokens.cache_read - tokens.cache_write - audio_in,
        ),
        ("cache_read", "input", tokens.cache_read),
        ("cache_write", "input", tokens.cache_write),
        ("audio_in", "input", audio_in),
        ("output", "output", tokens.output - tokens.reasoning - audio_out),
        ("reasoning", "output", tokens.reasoning),
        ("audio_out", "output", audio_out),
    ]
    amounts.extend(
        (component, component, amount)
        for component, amount in tokens.other.items()
        if component not in {"audio_in", "audio_out"}
    )
    return amounts


def _full_cost(tokens: Tokens, rates: Mapping[str, Rate]) -> Cost | None:
    amounts = amounts_of(tokens)
    if "request" in rates:
        amounts.append(("request", "request", 1))
    total = _ZERO
    price_ids: list[int] = []
    for component, total_of, amount in amounts:
        if amount <= 0:
            continue
        rate = rates.get(component) or rates.get(total_of)
        if rate is None:
            return None
        total += rate.usd * amount
        if rate.price_id not in price_ids:
            price_ids.append(rate.price_id)
    return Cost(total, tuple(price_ids))
