"""What may be written, and how: every field is named, every other one refused."""

import copy
import math
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django.db import models
from django.db.models import Model
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied, ValidationError

from catalog.bundle.mistakes import advice
from gateway.control.permissions import reach_in
from gateway.control.references import Reference
from tenants.access import access_to, changes, is_reserved

M = TypeVar("M", bound=Model)

_SET_ONCE = "This is set when the row is made, and stays; make another row instead."
_READ_ONLY = "This field is read-only."
_HIDDEN = "…"


class FiniteFloatField(serializers.FloatField):
    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class StrictSerializer(serializers.Serializer[Any]):
    """A body that is no row; it too knows what it takes."""

    def to_internal_value(self, data: Any) -> Any:
        return parsed(self, data, super().to_internal_value)


class ReadSerializer(serializers.ModelSerializer[Any]):
    """How rows are answered. Of what is confidential only the names are."""

    serializer_related_field = Reference

    def to_representation(self, instance: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().to_representation(instance)
        access = access_to(type(instance))
        hidden = access.confidential if access is not None else frozenset()
        if hidden and not changes(reach_in(self.context["request"]), instance):
            for name in hidden & found.keys():
                found[name] = dict.fromkeys(found[name], _HIDDEN)
        return found


class WriteSerializer(serializers.ModelSerializer[M]):
    """What a caller may write of a row.

    `fixed` fields are set when the row is made. The model's own validation has the last
    word, so that nothing is accepted here which the admin refuses.
    """

    fixed: ClassVar[frozenset[str]] = frozenset()
    serializer_related_field = Reference
    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.FloatField: FiniteFloatField,
    }

    def get_validators(self) -> list[Any]:
        """Leave what involves several columns to the model."""
        return []

    def to_internal_value(self, data: Any) -> Any:
        found = parsed(self, data, super().to_internal_value)
        if self.instance is not None:
            self._check_fixed(found)
            if not self.partial:
                found = {**self._defaults(found), **found}
        return found

    def create(self, validated_data: dict[str, Any]) -> M:
        model: Any = self.Meta.model
        columns = {column.name for column in model._meta.concrete_fields}
        row = model(**{k: v for k, v in validated_data.items() if k in columns})
        return self._keep(row, None, validated_data)

    def update(self, instance: M, validated_data: dict[str, Any]) -> M:
        before = copy.copy(instance)
        before._state = copy.copy(instance._state)  # noqa: SLF001
        columns = {column.name for column in instance._meta.concrete_fields}
        for name in columns & validated_data.keys():
            setattr(instance, name, validated_data[name])
        return self._keep(instance, before, validated_data)

    def prepare(self, row: M, before: M | None, written: dict[str, Any]) -> None:
        """Set what is not written as it is stored."""

    def check(self, row: M, before: M | None) -> None:
        """Refuse, by a ValidationError, what the row alone does not show to be wrong."""

    def save_parts(self, row: M, before: M | None, written: dict[str, Any]) -> None:
        """Save the rows that are written together with this one."""

    def _keep(self, row: M, before: M | None, written: dict[str, Any]) -> M:
        # Whether it may be done comes first: a refusal would tell what there is.
        self.context["view"].check_may_keep(row)
        self._check_reserved(row, before)
        self.prepare(row, before, written)
        row.full_clean()
        self.check(row, before)
        row.save()
        self.save_parts(row, before, written)
        return row

    def check_reserved(self, name: str) -> None:
        """Refuse what only the installation's own people may set."""
        reach = reach_in(self.context["request"])
        if is_reserved(reach, self.Meta.model, name):
            msg = f"{name} is set with a role in the whole installation alone."
            raise PermissionDenied(msg)

    def _check_reserved(self, row: M, before: M | None) -> None:
        access = access_to(type(row))
        for name in access.reserved if access is not None else ():
            column: Any = row._meta.get_field(name)
            known = column.get_default() if before is None else getattr(before, name)
            if getattr(row, name) != known:
                self.check_reserved(name)

    def _check_fixed(self, found: dict[str, Any]) -> None:
        wrong = {
            name: [_SET_ONCE]
            for name in self.fixed & found.keys()
            if found[name] != getattr(self.instance, name)
        }
        if wrong:
            raise ValidationError(wrong)

    def _defaults(self, found: dict[str, Any]) -> dict[str, Any]:
        """Return what a PUT leaves out: it then is as in a new row."""
        model: Any = self.Meta.model
        columns = {
            column.name: column
            for column in model._meta.concrete_fields
            if column.name not in self.fixed
        }
        return {
            name: columns[name].get_default()
            for name, field in self.fields.items()
            if name in columns and name not in found and not field.read_only
        }


def parsed(serializer: Any, data: Any, parse: Any) -> Any:
    """Return the parsed body; every mistake is told at once, unknown names included."""
    wrong: dict[str, Any] = {}
    if isinstance(data, Mapping):
        wrong = _unknown(serializer, data)
    try:
        found = parse(data)
    except ValidationError as error:
        if not isinstance(error.detail, dict):
            raise
        raise ValidationError({**wrong, **error.detail}) from error
    if wrong:
        raise ValidationError(wrong)
    return found


def _unknown(serializer: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    known = {name for name, field in serializer.fields.items() if not field.read_only}
    wrong: dict[str, Any] = {}
    answered = _answered(serializer)
    for name in data.keys() - known:
        if name in answered:
            # What was read may be sent back as it was.
            if data[name] != answered[name]:
                wrong[name] = [_READ_ONLY]
        else:
            wrong[name] = [f"Unknown field{advice(str(name), known)}"]
    return wrong


def _answered(serializer: Any) -> Mapping[str, Any]:
    """Return the row as it is answered, when there is one."""
    view = serializer.context.get("view")
    if serializer.parent is not None or view is None:
        return {}
    read = getattr(view, "read_serializer_class", None)
    if read is None:
        return {}
    if serializer.instance is None:
        return dict.fromkeys(read().fields, object())
    found: Mapping[str, Any] = view.answer(serializer.instance)
    return found
