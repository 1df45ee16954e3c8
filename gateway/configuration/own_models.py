"""The private models of a project, as requests see them."""

from collections.abc import Mapping, Sequence

from gateway.configuration.model_records import IndexedModels, ModelRow, model_record
from gateway.configuration.records import (
    Catalog,
    ModelIndex,
    ModelRecord,
    ProjectRecord,
    ProviderRecord,
    Sheets,
)

_NONE = ModelIndex()


class OwnModels:
    """A project's private models, and the providers that are its own as well.

    A private model may belong to a provider that all share. It is joined with the one
    of the catalog that requests are served from, once for each catalog.
    """

    def __init__(
        self,
        models: Sequence[tuple[ModelRow, Sheets]],
        providers: Mapping[int, ProviderRecord],
    ) -> None:
        self._models = models
        self._providers = providers
        self._catalog: Catalog | None = None
        self._index = _NONE

    def __contains__(self, model_pk: int) -> bool:
        return any(row.id == model_pk for row, _ in self._models)

    def within(self, catalog: Catalog) -> ModelIndex:
        """Return the models whose provider is there."""
        if self._catalog is not catalog:
            self._index = self._join(catalog)
            self._catalog = catalog
        return self._index

    def _join(self, catalog: Catalog) -> ModelIndex:
        shared = {provider.id: provider for provider in catalog.providers.values()}
        models = IndexedModels()
        for row, prices in self._models:
            provider = self._providers.get(row.provider_id) or shared.get(
                row.provider_id
            )
            if provider is not None:
                models.put(model_record(row, provider, prices))
        models.price_fine_tunes(catalog)
        return models.index()


def own_models(project: ProjectRecord, catalog: Catalog) -> ModelIndex:
    """Return the models that are private to the project."""
    return _NONE if project.own_models is None else project.own_models.within(catalog)


def model_of_row(
    pk: int, project: ProjectRecord, catalog: Catalog
) -> ModelRecord | None:
    """Return the model of a row that the project may use."""
    return own_models(project, catalog).models.get(pk) or catalog.models.get(pk)


def provider_named(
    slug: str, project: ProjectRecord, catalog: Catalog
) -> ProviderRecord | None:
    """Return the provider of that slug that the project may use."""
    own = own_models(project, catalog).models.values()
    mine = (model.provider for model in own if model.provider.slug == slug)
    return next(mine, None) or catalog.providers.get(slug)
