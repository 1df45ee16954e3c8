"""The catalog out of the database: a handful of queries, then records in small slices.

The queries run in a thread. The records are built in the event loop, which gets to
serve requests between any two slices.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from django.db.models import Max, Q

from catalog.models import AIModel, Endpoint, Price, Provider
from gateway.alias_loading import Credentials, read_aliases, read_credentials
from gateway.records import (
    AliasRecord,
    Catalog,
    EndpointRecord,
    ModelRecord,
    ProviderRecord,
    Timeouts,
)
from tenants.models import ConfigChange
from usage.costs import PriceSheet, price_sheet

T = TypeVar("T")

# Estimates of attempts begun before this are not worked out from the catalog.
_PAST_S = 2 * 86_400
_SLICE_S = 0.002


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
    deprecated_on: Any


@dataclass(frozen=True, slots=True)
class CatalogRows:
    """What the database held at one moment."""

    version: int
    providers: Sequence[Provider]
    endpoints: Sequence[Endpoint]
    models: Sequence[ModelRow]
    prices: Sequence[PriceRow]
    aliases: Sequence[AliasRecord]
    credentials: Credentials


def read_catalog() -> CatalogRows:
    shared = Q(project=None)
    return CatalogRows(
        version=newest_version(),
        providers=list(Provider.objects.filter(active=True)),
        endpoints=list(
            Endpoint.objects.filter(active=True, provider__active=True).order_by(
                "priority", "id"
            )
        ),
        models=[
            ModelRow(*row)
            for row in AIModel.objects.filter(active=True, provider__active=True)
            .order_by("id")
            .values_list(*ModelRow._fields)
        ],
        prices=_read_prices(),
        aliases=read_aliases(shared).get(None, ()),
        credentials=read_credentials(shared).get(None, {}),
    )


def newest_version() -> int:
    newest = ConfigChange.objects.aggregate(newest=Max("id"))["newest"]
    return 0 if newest is None else int(newest)


def _read_prices() -> list[PriceRow]:
    """Return what has been in force lately and what will be, not all history."""
    past = datetime.fromtimestamp(time.time() - _PAST_S, tz=UTC)
    served = Price.objects.filter(model__active=True, model__provider__active=True)
    in_force = (
        served.filter(valid_from__lte=past)
        .order_by("model_id", "component", "min_input_tokens", "-valid_from")
        .distinct("model_id", "component", "min_input_tokens")
    )
    later = served.filter(valid_from__gt=past).order_by("valid_from", "id")
    rows: list[PriceRow] = []
    for query in (in_force, later):
        rows.extend(PriceRow(*row) for row in query.values_list(*PriceRow._fields))
    return rows


async def build_catalog(rows: CatalogRows) -> Catalog:
    """Return the records of these rows; what is not active is not in them."""
    providers = _providers(rows)
    prices: dict[int, list[PriceRow]] = {}
    async for price in _in_slices(rows.prices):
        prices.setdefault(price.model_id, []).append(price)
    models: dict[int, ModelRecord] = {}
    by_id: dict[str, list[ModelRecord]] = {}
    async for row in _in_slices(rows.models):
        model = _model(row, providers[row.provider_id], prices.get(row.id, ()))
        models[model.id] = model
        by_id.setdefault(model.model_id, []).append(model)
    return Catalog(
        version=rows.version,
        loaded_at=time.time(),
        providers={provider.slug: provider for provider in providers.values()},
        models=models,
        models_by_name={model.name: model for model in models.values()},
        models_by_id={model_id: tuple(found) for model_id, found in by_id.items()},
        aliases={alias.name: alias for alias in rows.aliases},
        aliases_by_pk={alias.id: alias for alias in rows.aliases},
    )


async def _in_slices(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items, letting the event loop go on each time a slice is used up."""
    pause_at = time.monotonic() + _SLICE_S
    for item in items:
        yield item
        if time.monotonic() > pause_at:
            await asyncio.sleep(0)
            pause_at = time.monotonic() + _SLICE_S


def _providers(rows: CatalogRows) -> dict[int, ProviderRecord]:
    endpoints: dict[int, dict[str, list[EndpointRecord]]] = {}
    handlers = {provider.pk: provider.handler for provider in rows.providers}
    for row in rows.endpoints:
        record = EndpointRecord(
            id=row.pk,
            operation=row.operation,
            pattern=row.pattern,
            handler=row.handler or handlers[row.provider_id],
            priority=row.priority,
        )
        of_provider = endpoints.setdefault(row.provider_id, {})
        of_provider.setdefault(row.operation, []).append(record)
    return {
        provider.pk: _provider(provider, endpoints.get(provider.pk, {}), rows)
        for provider in rows.providers
    }


def _provider(
    row: Provider, endpoints: dict[str, list[EndpointRecord]], rows: CatalogRows
) -> ProviderRecord:
    auth_kind, _, auth_name = row.auth.partition(":")
    return ProviderRecord(
        id=row.pk,
        slug=row.slug,
        name=row.name,
        base_url=row.base_url.rstrip("/"),
        region=row.region,
        auth_kind=auth_kind,
        auth_name=auth_name,
        headers=tuple(row.headers.items()),
        drop_params=frozenset(row.drop_params),
        rename_params=row.rename_params,
        timeouts=Timeouts(
            connect_s=row.connect_timeout_s,
            first_byte_s=row.first_byte_timeout_s,
            idle_s=row.idle_timeout_s,
            total_s=row.total_timeout_s,
        ),
        allow_private_addresses=row.allow_private_addresses,
        endpoints={operation: tuple(found) for operation, found in endpoints.items()},
        credentials=rows.credentials.get(row.pk, ()),
    )


def _model(
    row: ModelRow, provider: ProviderRecord, prices: Sequence[PriceRow]
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
        prices=tuple(_sheets(prices)),
    )


def _sheets(prices: Sequence[PriceRow]) -> Iterable[tuple[float, PriceSheet | None]]:
    """Return a sheet for each moment at which a price changes, the newest first.

    A sheet holds all rows in force from that moment: what did not change stays.
    """
    in_force: dict[tuple[str, int], tuple[int, str, int, Decimal]] = {}
    sheets: dict[datetime, PriceSheet | None] = {}
    moments: dict[datetime, list[PriceRow]] = {}
    for row in prices:
        moments.setdefault(row.valid_from, []).append(row)
    for moment in sorted(moments):
        for row in moments[moment]:
            in_force[row.component, row.min_input_tokens] = (
                row.id,
                row.component,
                row.min_input_tokens,
                _usd_for_one(row),
            )
        sheets[moment] = price_sheet(in_force.values())
    return [(moment.timestamp(), sheets[moment]) for moment in reversed(sheets)]


def _usd_for_one(row: PriceRow) -> Decimal:
    if row.per_unit is not None:
        return row.per_unit
    # Never both None: the database has a constraint.
    return (row.per_million or Decimal(0)).scaleb(-6)
