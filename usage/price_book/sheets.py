"""The prices of a model at each moment, as the book has them now."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from catalog.models import Price
from usage.costs import PriceSheet, price_sheet

_Row = tuple[int, str, int, Decimal]


class Book:
    """Sheets of models by provider and model id, each read when it is first asked for."""

    def __init__(self) -> None:
        self._known: dict[
            tuple[str, str], list[tuple[datetime, PriceSheet | None]]
        ] = {}

    def sheet_at(
        self, provider: str, model: str, moment: datetime
    ) -> PriceSheet | None:
        """Return what was, or by the book would have been, in force at that moment."""
        key = provider, model
        if key not in self._known:
            self._known[key] = _sheets(
                Price.objects.filter(
                    model__provider__slug=provider, model__model_id=model
                ).order_by("valid_from", "pk")
            )
        sheets = self._known[key]
        place = bisect_right(sheets, moment, key=lambda each: each[0])
        return sheets[place - 1][1] if place else None


def _sheets(prices: Iterable[Price]) -> list[tuple[datetime, PriceSheet | None]]:
    in_force: dict[tuple[str, int], _Row] = {}
    found: dict[datetime, PriceSheet | None] = {}
    for price in prices:
        usd = price.per_unit
        if usd is None:
            # Never both None: the database has a constraint.
            usd = (price.per_million or Decimal(0)).scaleb(-6)
        place = price.component, price.min_input_tokens
        in_force[place] = (price.pk, *place, usd)
        found[price.valid_from] = price_sheet(in_force.values())
    return sorted(found.items(), key=lambda each: each[0])
