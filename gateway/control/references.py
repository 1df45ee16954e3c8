"""Other rows that a body or a filter names, by id or by name, within reach alone."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Model, Q, QuerySet
from django_filters import CharFilter
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework.exceptions import ValidationError
from rest_framework.relations import RelatedField

from catalog.models import AIModel, Alias, Provider
from gateway.control.permissions import reach_in
from tenants.access import seen_by
from tenants.keys import PROJECT_PREFIX
from tenants.models import ApiKey, Organization, Project, Role
from tenants.roles import Reach

_MAX_ID = 2**63 - 1


def _slug(text: str) -> Q:
    return Q(slug=text)


def _model(text: str) -> Q:
    provider, _, model_id = text.partition("/")
    return Q(provider__slug=provider, model_id=model_id)


def _key(text: str) -> Q:
    return Q(key_id=text.removeprefix(f"{PROJECT_PREFIX}_"))


# How rows are named where a person writes them, and an example of it.
NAMES: Mapping[type[Model], tuple[Callable[[str], Q], str]] = {
    Organization: (_slug, "slug"),
    Project: (_slug, "slug"),
    Provider: (_slug, "slug"),
    AIModel: (_model, "`provider/model_id`"),
    ApiKey: (_key, "prefix, `sb_…`"),
    Alias: (lambda text: Q(name=text), "name, where one alias alone has it"),
    get_user_model(): (lambda text: Q(username=text), "user name"),
}


def find(model: type[Model], value: object, reach: Reach) -> Model | None:
    """Return the row of this id or name that is seen with this reach, else None."""
    condition = _condition(model, value)
    if condition is None:
        return None
    found = list(_seen(model, value, reach).filter(condition)[:2])
    return found[0] if len(found) == 1 else None


def _condition(model: type[Model], value: object) -> Q | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return Q(pk=value) if 0 < value <= _MAX_ID else None
    if not isinstance(value, str) or not value or "\x00" in value:
        return None
    by_name, _ = NAMES.get(model, (None, ""))
    return None if by_name is None else by_name(value)


def _seen(model: type[Model], value: object, reach: Reach) -> QuerySet[Any]:
    rows = model._default_manager.all()
    if model is not get_user_model():
        return rows.filter(seen_by(reach, model))
    # Who knows a name may use it, but nobody tries one number after another.
    ids = reach.organization_ids(Role.READ_ONLY)
    if ids is None or isinstance(value, str):
        return rows
    return rows.filter(memberships__organization__in=ids).distinct()


class Reference(RelatedField[Any, Any, Any]):
    """A row by its id, or by its name; answered as its id."""

    @property
    def model(self) -> type[Model] | None:
        """What is referred to; None where it is only answered."""
        rows: Any = self.get_queryset()
        return None if rows is None else rows.model

    def use_pk_only_optimization(self) -> bool:
        return True

    def to_representation(self, value: Any) -> Any:
        return value.pk

    def to_internal_value(self, data: object) -> Any:
        model: Any = self.model
        row = find(model, data, reach_in(self.context["request"]))
        if row is None:
            raise ValidationError(f"There is no such {model._meta.verbose_name}.")
        return row


class ReferenceFilter(CharFilter):  # type: ignore[misc]
    """Rows that refer to the one named; to none, when it is not within reach."""

    def __init__(self, model: type[Model], **kwargs: Any) -> None:
        _, named = NAMES.get(model, (None, ""))
        label = f"Id or {named} of the {model._meta.verbose_name}"
        super().__init__(**{"label": f"{label}.", **kwargs})
        self.of = model

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        request: Any = self.parent.request
        known: object = int(value) if _is_number(value) else value
        row = find(self.of, known, reach_in(request))
        return qs.none() if row is None else qs.filter(**{f"{self.field_name}": row.pk})


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < len(str(_MAX_ID))


class ReferenceSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = Reference

    def map_serializer_field(
        self, auto_schema: AutoSchema, direction: str
    ) -> dict[str, Any]:
        model: Any = self.target.model
        if direction == "response" or model not in NAMES:
            return {"type": "integer"}
        return {
            "oneOf": [{"type": "integer"}, {"type": "string"}],
            "description": f"Id or {NAMES[model][1]}.",
        }
