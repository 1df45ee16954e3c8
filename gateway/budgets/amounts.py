"""What an attempt may come to cost, in nano-USD, before it is made."""

from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from gateway.candidates import Candidate
from gateway.selection.estimates import read_all_input
from gateway.selection.text_tokens import family_factor
from gateway.types import InferenceRequest
from usage.costs import FREE as FREE_SHEET
from usage.costs import PriceSheet, cost_of
from usage.tokens import Tokens

_NANO = Decimal(10**9)
_ONE = Decimal(1)
# As exact as the column that costs are kept in.
_STORED = Decimal("1e-12")

_CONVERSATIONS = frozenset({"chat", "responses"})
# From the size alone: no usual text has twice as many tokens as that says, and none that
# is written to a provider's cache costs more than twice the price.
_MARGIN = 2
_AROUND_A_REQUEST = 16
# From reading the text.
_MARGIN_WHEN_READ = 1.25
_AROUND_WHAT_WAS_READ = 8
_CACHE_MARK = b"cache_control"
# Of a model that says of itself no bound.
_UNKNOWN_MOST = 16_384
# An answer shorter than this is worth nothing.
_LEAST_OUTPUT = 16
_IMAGE_TOKENS = 6_500
_TOKENS_PER_CHARACTER = 2
_TOKENS_PER_SECOND = 50


class Bounds(NamedTuple):
    """What is reserved at least, and if there is as much.

    They differ where the request sets no bound on its answer: then `tokens_for` says
    how long the answer may become for less.
    """

    least: int
    most: int
    input: int = 0
    output_rate: Decimal = _ONE
    choices: int = 1

    def tokens_for(self, amount: int) -> int | None:
        """Return how many output tokens an amount pays for; None: all there can be."""
        if amount >= self.most:
            return None
        per_choice = (amount - self.input) / (self.output_rate * self.choices)
        return max(_LEAST_OUTPUT, int(per_choice))


FREE = Bounds(0, 0)


def nano_of(usd: Decimal) -> int:
    """Return an amount as the database books it, rounded half up."""
    exponent = usd.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -12:
        usd = usd.quantize(_STORED, ROUND_HALF_UP)
    return int((usd * _NANO).to_integral_value(ROUND_HALF_UP))


def bounds_of(
    request: InferenceRequest, candidate: Candidate, input_tokens: int
) -> Bounds:
    """Return the bounds for one target.

    Nothing is reserved for what has no price, or what somebody else pays for.
    """
    sheet = candidate.prices
    if sheet is None or sheet is FREE_SHEET:
        return FREE
    sent = round(input_tokens * family_factor(candidate.model.model_id))
    sent = sent * _MARGIN + _AROUND_A_REQUEST
    stated = request.max_output_tokens
    if stated is not None and request.operation in _CONVERSATIONS:
        # By far the most frequent case, as quickly as that can be said.
        dearest = sheet.dearest
        stated *= choices_of(request)
        usd = sent * dearest.input + stated * dearest.output + dearest.request
        most = int(usd * 1e9) + 1
        return Bounds(most, most)
    return _bounds(request, candidate, sheet, sent)


def close_bounds_of(request: InferenceRequest, candidate: Candidate) -> Bounds | None:
    """Return closer bounds, for the end of a budget; None where there are none.

    The text is read for them, which takes a while.
    """
    sheet = candidate.prices
    if (
        sheet is None
        or sheet is FREE_SHEET
        or not request.body
        or request.operation not in _CONVERSATIONS
        or any(_CACHE_MARK in field for field in request.fields.values())
    ):
        return None
    read = read_all_input(request) * family_factor(candidate.model.model_id)
    sent = round(read * _MARGIN_WHEN_READ) + _AROUND_WHAT_WAS_READ
    return _bounds(request, candidate, sheet, sent)


def _bounds(
    request: InferenceRequest, candidate: Candidate, sheet: PriceSheet, sent: int
) -> Bounds:
    if request.operation not in _CONVERSATIONS:
        usd = _without_answer(request, sent, sheet)
        return Bounds(usd, usd)
    asked = _usd(Tokens(input=sent), sheet)
    rate = sheet.tier_for(sent).rates.get("output")
    if rate is None or not rate.usd:
        return Bounds(asked, asked)
    choices = choices_of(request)
    nano = rate.usd * _NANO
    stated = request.max_output_tokens
    if stated is not None:
        most = asked + _up(nano * stated * choices)
        return Bounds(most, most)
    longest = candidate.model.max_output_tokens or _UNKNOWN_MOST
    return Bounds(
        asked + _up(nano * min(longest, _LEAST_OUTPUT) * choices),
        asked + _up(nano * longest * choices),
        asked,
        nano,
        choices,
    )


def choices_of(request: InferenceRequest) -> int:
    """Return how many answers are asked for."""
    found = request.body.get("n")
    if found is None:
        config = request.body.get("generationConfig")
        found = config.get("candidateCount") if type(config) is dict else None
    return found if type(found) is int and found > 1 else 1


def _without_answer(request: InferenceRequest, sent: int, sheet: PriceSheet) -> int:
    """Return the cost of what is sold by the piece, else of tokens there and back."""
    rates = sheet.tiers[-1].rates
    units = request.units
    if known := {name: amount for name, amount in units.items() if name in rates}:
        return _usd(Tokens(other=known), sheet)
    output = (
        units.get("image", 0) * _IMAGE_TOKENS
        + units.get("character", 0) * _TOKENS_PER_CHARACTER
        + units.get("second", 0) * _TOKENS_PER_SECOND
    )
    if "output" not in rates:
        output = 0
    return _usd(Tokens(input=sent, output=output), sheet)


def _usd(tokens: Tokens, sheet: PriceSheet) -> int:
    cost = cost_of(tokens, sheet)
    return 0 if cost is None else _up(cost.usd * _NANO)


def _up(nano: Decimal) -> int:
    return -int(-nano // 1)
