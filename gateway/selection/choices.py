"""What a name stands for in a project: an alias with the models behind it, or a model."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from gateway.configuration.model_names import model_behind, models_named
from gateway.configuration.own_models import model_of_row, own_models
from gateway.configuration.records import (
    AliasRecord,
    Catalog,
    ModelRecord,
    ProjectRecord,
)
from gateway.refusals import UnknownModel

_MAX_DEPTH = 5


class Choice(msgspec.Struct, frozen=True):
    """What a model name stands for in a project."""

    alias: AliasRecord | None
    members: tuple[tuple[ModelRecord, int, int], ...]


def choice_for(name: str, project: ProjectRecord, catalog: Catalog) -> Choice:
    """Return what the name stands for: own alias, global alias, full or bare model id."""
    alias = project.aliases.get(name) or catalog.aliases.get(name)
    if alias is not None:
        return Choice(alias, _each_once(_members(alias, project, catalog)))
    models = models_named(name, project, catalog)
    if len(models) == 1:
        return Choice(None, ((models[0], 1, 100),))
    if models:
        names = ", ".join(model.name for model in models)
        msg = f"Several providers serve {name!r}; say which: {names}."
        raise UnknownModel(msg, param="model")
    msg = (
        f"There is no model or alias {name!r} for this project. "
        "GET /v1/models lists what it may use."
    )
    raise UnknownModel(msg, param="model")


def _each_once(
    members: Iterable[tuple[ModelRecord, int, int]],
) -> tuple[tuple[ModelRecord, int, int], ...]:
    """Return every model where it goes first: a successor may be a target as well."""
    found: dict[int, tuple[ModelRecord, int, int]] = {}
    for member in members:
        model, priority, _ = member
        if model.id not in found or priority < found[model.id][1]:
            found[model.id] = member
    return tuple(found.values())


Resolve = Callable[[int, ProjectRecord, Catalog], ModelRecord | None]


def models_named_by(
    name: str, project: ProjectRecord, catalog: Catalog
) -> tuple[ModelRecord, ...]:
    """Return the models that stand behind a name, those that are retired themselves."""
    alias = project.aliases.get(name) or catalog.aliases.get(name)
    if alias is not None:
        members = _members(alias, project, catalog, resolve=model_of_row)
        return tuple(model for model, _, _ in members)
    for index in (own_models(project, catalog), catalog):
        if (model := index.models_by_name.get(name)) is not None:
            return (model,)
        if models := index.models_by_id.get(name):
            return models
    return ()


def _members(
    alias: AliasRecord,
    project: ProjectRecord,
    catalog: Catalog,
    depth: int = 0,
    resolve: Resolve = model_behind,
) -> Iterator[tuple[ModelRecord, int, int]]:
    """Yield the models behind an alias with priority and weight; aliases are followed."""
    for target in alias.targets:
        if target.model_id is not None:
            model = resolve(target.model_id, project, catalog)
            if model is not None:
                yield model, target.priority, target.weight
        elif target.via_id is not None and depth < _MAX_DEPTH:
            via = project.aliases_by_pk.get(target.via_id) or catalog.aliases_by_pk.get(
                target.via_id
            )
            if via is not None:
                # Behind another alias its own priorities only order its own models.
                for model, _, weight in _members(
                    via, project, catalog, depth + 1, resolve
                ):
                    yield model, target.priority, weight
