"""What providers say that an answer cost, each in a place and unit of its own."""

from decimal import Decimal, InvalidOperation
from typing import Any

# Source: https://docs.x.ai/docs/guides/cost-tracking (1 USD in ticks)
_TICKS_PER_USD = 10_000_000_000
# A figure above this is a mistake, not a bill.
_MAX_PLAUSIBLE_USD = 100_000
_PLACES = Decimal("1e-12")


def reported_cost(
    *,
    cost: Any = None,
    estimated_cost: Any = None,
    cost_in_usd_ticks: Any = None,
    cost_details: Any = None,
    is_byok: Any = None,
) -> Decimal | None:
    """Return the cost in USD, or None when there is none or it cannot be true.

    `cost` is OpenRouter's number or Perplexity's object, `estimated_cost` DeepInfra's,
    `cost_in_usd_ticks` xAI's. `cost_details` holds what OpenRouter's `cost` leaves out
    when the key behind it is the caller's own (`is_byok`).
    """
    if type(cost) is dict:
        cost = cost.get("total_cost")
    if (usd := _number(cost)) is not None:
        if is_byok is True and type(cost_details) is dict:
            usd += _number(cost_details.get("upstream_inference_cost")) or 0
    elif (ticks := _number(cost_in_usd_ticks)) is not None:
        usd = ticks / _TICKS_PER_USD
    else:
        usd = _number(estimated_cost)
    if usd is None or usd > _MAX_PLAUSIBLE_USD:
        return None
    return usd.quantize(_PLACES)


def _number(value: Any) -> Decimal | None:
    """Return a number that is zero or more; None for anything else."""
    if type(value) not in {int, float, str}:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number >= 0 else None
