"""The catalog out of the database: a handful of queries, then records in small slices.

The queries run in a thread. The records are built in the event loop, which gets to
serve requests between any two slices.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from django.db.models import Max, Q, QuerySet

from catalog.models import AIModel, Endpoint, Price, Provider
from gateway.configuration.alias_loading import (
    Credentials,
    read_aliases,
    read_credentials,
)
from gateway.configuration.fine_tunes import PREFIX
from gateway.configuration.model_records import (
    IndexedModels,
    ModelRow,
    PriceRow,
    model_record,
    sheets_of,
)
from gateway.configuration.provider_records import provider_records
from gateway.configuration.records import AliasRecord, Catalog
from tenants.models import ConfigChange

T = TypeVar("T")

# Estimates of attempts begun before this are not worked out from the catalog.
_PAST_S = 2 * 86_400
_SLICE_S = 0.002


@dataclass(frozen=True, slots=True)
class CatalogRows:
    """What the database held at one moment, without what is private to projects."""

    version: int
    providers: Sequence[Provider]
    endpoints: Sequence[Endpoint]
    models: Sequence[ModelRow]
    fine_tunes: frozenset[str]
    prices: Sequence[PriceRow]
    aliases: Sequence[AliasRecord]
    credentials: Credentials


def read_catalog() -> CatalogRows:
    shared = Q(project=None)
    return CatalogRows(
        version=newest_version(),
        providers=list(Provider.objects.filter(shared, active=True)),
        endpoints=list(
            Endpoint.objects.filter(
                active=True, provider__active=True, provider__project=None
            ).order_by("priority", "id")
        ),
        models=[
            ModelRow(*row)
            for row in AIModel.objects.filter(
                shared, active=True, provider__active=True, provider__project=None
            )
            .order_by("id")
            .values_list(*ModelRow._fields)
        ],
        fine_tunes=frozenset(
            AIModel.objects.filter(model_id__startswith=PREFIX).values_list(
                "model_id", flat=True
            )
        ),
        prices=read_prices(
            Price.objects.filter(
                model__active=True,
                model__project=None,
                model__provider__active=True,
                model__provider__project=None,
            )
        ),
        aliases=read_aliases(shared).get(None, ()),
        credentials=read_credentials(shared).get(None, {}),
    )


def newest_version() -> int:
    newest = ConfigChange.objects.aggregate(newest=Max("id"))["newest"]
    return 0 if newest is None else int(newest)


def read_prices(served: QuerySet[Price]) -> list[PriceRow]:
    """Return what has been in force lately and what will be, not all history."""
    past = datetime.fromtimestamp(time.time() - _PAST_S, tz=UTC)
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
    providers = provider_records(rows.providers, rows.endpoints, rows.credentials)
    prices: dict[int, list[PriceRow]] = {}
    async for price in _in_slices(rows.prices):
        prices.setdefault(price.model_id, []).append(price)
    models = IndexedModels()
    async for row in _in_slices(rows.models):
        sheets = sheets_of(prices.get(row.id, ()))
        models.put(model_record(row, providers[row.provider_id], sheets))
    models.price_fine_tunes()
    index = models.index()
    return Catalog(
        version=rows.version,
        loaded_at=time.time(),
        providers={provider.slug: provider for provider in providers.values()},
        models=index.models,
        models_by_name=index.models_by_name,
        models_by_id=index.models_by_id,
        fine_tunes=rows.fine_tunes,
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
