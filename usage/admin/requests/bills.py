"""What a request cost, component by component, with the prices of its day."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Price
from usage.costs import amounts_of
from usage.models import UsageEvent
from usage.tokens import Tokens

_MILLION = 1_000_000
_NAMES = {
    "input": "Input tokens",
    "cache_read": "Input read from the provider's cache",
    "cache_write": "Input written to the provider's cache",
    "output": "Output tokens",
    "reasoning": "Reasoning tokens",
    "audio_in": "Audio in, tokens",
    "audio_out": "Audio out, tokens",
    "image": "Images",
    "character": "Characters",
    "second": "Seconds",
    "search": "Searches",
    "request": "The request itself",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A component. `price` None: it has none, or it was paid for as a whole."""

    name: str
    amount: int | None
    price: Price | None
    usd: Decimal | None

    @property
    def shown_price(self) -> str:
        if self.price is None:
            return ""
        if self.price.per_million is not None:
            return f"${exact(self.price.per_million)} per million"
        return f"${exact(self.price.per_unit)} each"

    @property
    def shown_usd(self) -> str:
        return "" if self.usd is None else exact(self.usd)


@dataclass(frozen=True, slots=True)
class Bill:
    """What an event cost. `total` None: something that was used has no price."""

    event: UsageEvent
    lines: tuple[Line, ...]
    total: Decimal | None
    note: str = ""

    @property
    def shown_total(self) -> str:
        return exact(self.total)


def exact(amount: Decimal | None) -> str:
    """Return all of an amount's digits, and no zeros that say nothing."""
    return "unknown" if amount is None else f"{amount.normalize():,f}"


def bills_of(events: Iterable[UsageEvent]) -> list[Bill]:
    known = list(events)
    ids = {pk for event in known for pk in event.price_ids}
    prices = Price.objects.in_bulk(ids)
    return [_bill(event, prices) for event in known]


def total_of(bills: Iterable[Bill]) -> Decimal | None:
    """Return what all of it cost; None when the cost of any is not known."""
    total = Decimal(0)
    for bill in bills:
        if bill.total is None:
            return None
        total += bill.total
    return total


def _bill(event: UsageEvent, prices: Mapping[int, Price]) -> Bill:
    if event.kind == UsageEvent.Kind.ADJUSTMENT:
        line = Line("Adjustment", None, None, event.cost_usd)
        return Bill(event, (line,), event.cost_usd, "Booked afterwards.")
    by_component = {
        price.component: price
        for pk in event.price_ids
        if (price := prices.get(pk)) is not None
    }
    lines = [
        _line(component, total_of, amount, by_component)
        for component, total_of, amount in _amounts(event, by_component)
        if amount > 0
    ]
    cost = event.cost_usd
    counted = sum((line.usd or Decimal(0) for line in lines), Decimal(0))
    if cost is not None and event.price_ids and counted != cost:
        # A price of then that is gone now, or an event that was corrected.
        lines.append(Line("Not explained by prices", None, None, cost - counted))
    return Bill(event, tuple(lines), cost, _note(event))


def _amounts(
    event: UsageEvent, prices: Mapping[str, Price]
) -> list[tuple[str, str, int]]:
    tokens = Tokens(
        input=event.input_tokens,
        output=event.output_tokens,
        cache_read=event.cache_read_tokens,
        cache_write=event.cache_write_tokens,
        reasoning=event.reasoning_tokens,
        other=event.other_usage,
    )
    amounts = amounts_of(tokens)
    if "request" in prices:
        amounts.append(("request", "request", 1))
    return amounts


def _line(
    component: str, total_of: str, amount: int, prices: Mapping[str, Price]
) -> Line:
    price = prices.get(component) or prices.get(total_of)
    usd = None if price is None else _each(price) * amount
    return Line(_NAMES.get(component, component), amount, price, usd)


def _each(price: Price) -> Decimal:
    if price.per_million is None:
        return price.per_unit or Decimal(0)
    return price.per_million / _MILLION


def _note(event: UsageEvent) -> str:
    if event.kind == UsageEvent.Kind.CACHE_HIT:
        return "Answered from the cache: nothing was used."
    if event.own_credential:
        return "With its end user's own credential, who pays the provider."
    if event.cost_usd is None:
        return "Unknown: something that was used has no price."
    if event.status == UsageEvent.Status.FAILED and not event.cost_usd:
        return "It failed before anything was used."
    if not event.price_ids and event.cost_usd:
        return "As the provider reported it."
    if event.estimated:
        return "Estimated: the provider did not say what was used."
    return ""
