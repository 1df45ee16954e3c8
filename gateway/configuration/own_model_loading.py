"""Private models out of the database, with the projects that they belong to."""

from collections.abc import Collection

from django.db.models import F, Q
from django.db.models.functions import Coalesce

from catalog.models import AIModel, Endpoint, Price, Provider
from gateway.configuration.alias_loading import read_credentials
from gateway.configuration.catalog_loading import read_prices
from gateway.configuration.model_records import ModelRow, PriceRow, sheets_of
from gateway.configuration.own_models import OwnModels
from gateway.configuration.provider_records import provider_records
from gateway.configuration.records import ProviderRecord


def read_own_models(project_ids: Collection[int]) -> dict[int, OwnModels]:
    """Return the private models by project; projects without any are left out."""
    rows = _read_rows(project_ids)
    if not rows:
        return {}
    prices: dict[int, list[PriceRow]] = {}
    pks = [row.id for _, row in rows]
    for price in read_prices(Price.objects.filter(model_id__in=pks)):
        prices.setdefault(price.model_id, []).append(price)
    providers = _read_providers({row.provider_id for _, row in rows})
    found: dict[int, list[ModelRow]] = {}
    for owner, row in rows:
        found.setdefault(owner, []).append(row)
    return {
        owner: OwnModels(
            [(row, sheets_of(prices.get(row.id, ()))) for row in of_project],
            {
                pk: record
                for pk, (project_id, record) in providers.items()
                if project_id == owner
            },
        )
        for owner, of_project in found.items()
    }


def _read_rows(project_ids: Collection[int]) -> list[tuple[int, ModelRow]]:
    active = AIModel.objects.filter(active=True, provider__active=True).order_by()
    columns = ("owner", *ModelRow._fields)
    # A model has no other owner than its provider has.
    own = active.filter(
        Q(provider__project=None) | Q(provider__project=F("project")),
        project_id__in=project_ids,
    )
    of_own_providers = active.filter(project=None, provider__project_id__in=project_ids)
    rows = own.annotate(owner=F("project_id")).values_list(*columns)
    others = of_own_providers.annotate(
        owner=Coalesce("project_id", "provider__project_id")
    ).values_list(*columns)
    found = [(owner, ModelRow(*row)) for owner, *row in rows.union(others, all=True)]
    return sorted(found, key=lambda pair: pair[1].id)


def _read_providers(
    provider_ids: Collection[int],
) -> dict[int, tuple[int | None, ProviderRecord]]:
    """Return the private ones among them, each with its project."""
    rows = list(Provider.objects.filter(id__in=provider_ids).exclude(project=None))
    if not rows:
        return {}
    pks = [row.pk for row in rows]
    endpoints = Endpoint.objects.filter(active=True, provider_id__in=pks)
    of_platform = read_credentials(Q(project=None, provider_id__in=pks)).get(None, {})
    records = provider_records(rows, endpoints.order_by("priority", "id"), of_platform)
    return {row.pk: (row.project_id, records[row.pk]) for row in rows}
