"""Models as records: a row, its provider, and the prices in force from each moment."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from gateway.configuration.fine_tunes import base_ids
from gateway.configuration.records import (
    ModelIndex,
    ModelRecord,
    ProviderRecord,
    Sheets,
)
from usage.costs import price_sheet


class PriceRow(NamedTuple):
    model_id: int
    id: int
    component: str
    min_input_tokens: int
    per_million: Decimal | None
    per_unit: Decimal | None
    valid_from: datetime


class ModelRow(NamedTuple):
    id: int
    provider_id: int
    model_id: str
    operations: list[str]
    capabilities: list[str]
    context_window: int | None
    max_output_tokens: int | None
    expected_latency_ms: int | None
    deprecated_on: date | None
    successor_id: int | None


def model_record(
    row: ModelRow, provider: ProviderRecord, prices: Sheets
) -> ModelRecord:
    return ModelRecord(
        id=row.id,
        provider=provider,
        model_id=row.model_id,
        operations=frozenset(row.operations),
        capabilities=frozenset(row.capabilities),
        context_window=row.context_window,
        max_output_tokens=row.max_output_tokens,
        expected_latency_ms=row.expected_latency_ms,
        deprecated_on=row.deprecated_on,
        successor_id=row.successor_id,
        prices=prices,
    )


class IndexedModels:
    """A `ModelIndex` while it is being put together."""

    def __init__(self) -> None:
        self._models: dict[int, ModelRecord] = {}
        self._by_name: dict[str, ModelRecord] = {}
        self._by_id: dict[str, dict[int, ModelRecord]] = {}

    def put(self, model: ModelRecord) -> None:
        """Add a model, or put it in the place of the one of its row."""
        self._models[model.id] = model
        self._by_name[model.name] = model
        self._by_id.setdefault(model.model_id, {})[model.id] = model

    def price_fine_tunes(self, *others: ModelIndex) -> None:
        """Give fine-tuned models without prices those of their base, where known."""
        names = (self._by_name, *(other.models_by_name for other in others))
        for model in list(self._models.values()):
            if model.prices:
                continue
            slug = model.provider.slug
            bases = (
                known.get(f"{slug}/{base_id}")
                for base_id in base_ids(model.model_id)
                for known in names
            )
            if (base := next(filter(None, bases), None)) is not None:
                self.put(replace(model, prices=base.prices))

    def index(self) -> ModelIndex:
        return ModelIndex(
            models=self._models,
            models_by_name=self._by_name,
            models_by_id={
                model_id: tuple(found.values())
                for model_id, found in self._by_id.items()
            },
        )


def sheets_of(prices: Sequence[PriceRow]) -> Sheets:
    """Return a sheet for each moment at which a price changes, the newest first.

    A sheet holds all rows in force from that moment: what did not change stays.
    """
    in_force: dict[tuple[str, int], tuple[int, str, int, Decimal]] = {}
    moments: dict[datetime, list[PriceRow]] = {}
    for row in prices:
        moments.setdefault(row.valid_from, []).append(row)
    sheets = []
    for moment in sorted(moments):
        for row in moments[moment]:
            in_force[row.component, row.min_input_tokens] = (
                row.id,
                row.component,
                row.min_input_tokens,
                _usd_for_one(row),
            )
        sheets.append((moment.timestamp(), price_sheet(in_force.values())))
    return tuple(reversed(sheets))


def _usd_for_one(row: PriceRow) -> Decimal:
    if row.per_unit is not None:
        return row.per_unit
    # Never both None: the database has a constraint.
    return (row.per_million or Decimal(0)).scaleb(-6)
