"""What a model's name stands for in a project, and who answers for retired models."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from django.conf import settings

from gateway.configuration.derived import Derived
from gateway.configuration.fine_tunes import PREFIX, base_ids
from gateway.configuration.own_models import model_of_row, own_models
from gateway.configuration.records import (
    Catalog,
    ModelIndex,
    ModelRecord,
    ProjectRecord,
)

_MAX_SUCCESSORS = 20

# Fine-tuned models without a row, by base and id. The base is kept alive with them, so
# that its id is not taken by another.
_fine_tunes: Derived[tuple[int, str], tuple[ModelRecord, ModelRecord]] = Derived(500)


def models_named(
    name: str, project: ProjectRecord, catalog: Catalog
) -> tuple[ModelRecord, ...]:
    """Return the models of a full or bare id, the project's own before the shared ones.

    Several: the name does not say which. None: there is no such model.
    """
    for index in (own_models(project, catalog), catalog):
        if found := _in_index(name, index, project):
            return tuple(in_service(model, project, catalog) for model in found)
    return tuple(_fine_tuned(name, project, catalog))


def model_behind(
    pk: int, project: ProjectRecord, catalog: Catalog
) -> ModelRecord | None:
    """Return who answers for the model of a row, None where the project has no such."""
    model = model_of_row(pk, project, catalog)
    return None if model is None else in_service(model, project, catalog)


def in_service(
    model: ModelRecord, project: ProjectRecord, catalog: Catalog
) -> ModelRecord:
    """Return the model, or its successor from the day on which it is retired."""
    for _ in range(_MAX_SUCCESSORS):
        if model.deprecated_on is None or model.successor_id is None:
            return model
        if model.deprecated_on > datetime.now(UTC).date():
            return model
        successor = model_of_row(model.successor_id, project, catalog)
        if successor is None:
            return model
        model = successor
    return model


def is_configured(model: ModelRecord, project: ProjectRecord) -> bool:
    """Tell whether there is a credential to ask the model's provider with."""
    provider = model.provider
    return bool(
        provider.auth_kind == "none"
        or project.credentials.get(provider.id)
        or provider.credentials
    )


def _in_index(
    name: str, index: ModelIndex, project: ProjectRecord
) -> tuple[ModelRecord, ...]:
    model = index.models_by_name.get(name)
    if model is not None:
        return (model,)
    return _configured(index.models_by_id.get(name, ()), project)


def _configured(
    models: tuple[ModelRecord, ...], project: ProjectRecord
) -> tuple[ModelRecord, ...]:
    """Return those that can be asked, all of them where none can.

    Where the installation prefers a provider, and it is among them, it is meant.
    """
    if len(models) < 2:
        return models
    found = tuple(m for m in models if is_configured(m, project)) or models
    preferred = settings.DEFAULT_PROVIDER
    return tuple(m for m in found if m.provider.slug == preferred) or found


def _fine_tuned(
    name: str, project: ProjectRecord, catalog: Catalog
) -> Iterator[ModelRecord]:
    """Yield a fine-tuned model that has no row: its base, asked by another id.

    An id that has a row is somebody's own, or is switched off.
    """
    slug, model_id = "", name
    if not name.startswith(PREFIX):
        slug, _, model_id = name.partition("/")
    if not model_id.startswith(PREFIX) or model_id in catalog.fine_tunes:
        return
    for base_id in base_ids(model_id):
        bases = catalog.models_by_id.get(base_id, ())
        if slug:
            bases = tuple(base for base in bases if base.provider.slug == slug)
        if bases:
            for base in _configured(bases, project):
                yield _tuned_from(base, model_id)
            return


def _tuned_from(base: ModelRecord, model_id: str) -> ModelRecord:
    key = (id(base), model_id)
    known = _fine_tunes.get(key)
    if known is None:
        tuned = replace(base, model_id=model_id, deprecated_on=None, successor_id=None)
        known = (base, tuned)
        _fine_tunes.put(key, known)
    return known[1]
