"""Aliases with their targets, which are written as one."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model, Prefetch
from rest_framework import serializers

from catalog.models import AIModel, Alias, AliasTarget
from catalog.validation import (
    check_alias_has_target,
    check_alias_is_live,
    check_alias_not_needed,
    check_alias_operation,
    check_deactivation,
    is_live,
    projects_naming,
)
from gateway.control import fields
from gateway.control.changes import check_unused
from gateway.control.errors import refused_by_model
from gateway.control.filters import Filters, NamesFilter
from gateway.control.permissions import roles_for
from gateway.control.references import ReferenceFilter
from gateway.control.serializers import ReadSerializer, WriteSerializer, parsed
from gateway.control.viewsets import Configuring
from tenants.models import Project

_MAX_TARGETS = 100
_FIELDS = [
    "name",
    "project",
    "operation",
    "strategy",
    "sticky",
    "required_capabilities",
    "region",
    "defaults",
    "active",
]
_TARGET_FIELDS = ["model", "via", "priority", "weight", "active"]


class AliasFilters(Filters):
    name = NamesFilter(lookup_expr="in")
    project = ReferenceFilter(Project)
    model = ReferenceFilter(AIModel, field_name="targets__model")

    class Meta:
        model = Alias
        fields = ["name", "project", "operation", "strategy", "active"]


class TargetRead(ReadSerializer):
    class Meta:
        model = AliasTarget
        fields = _TARGET_FIELDS


class TargetWrite(WriteSerializer[AliasTarget]):
    class Meta:
        model = AliasTarget
        fields = _TARGET_FIELDS

    def to_internal_value(self, data: Any) -> Any:
        return parsed(self, data, super(WriteSerializer, self).to_internal_value)


class AliasRead(ReadSerializer):
    required_capabilities = fields.capabilities()
    defaults = fields.values_by_name()
    targets = TargetRead(many=True)

    class Meta:
        model = Alias
        fields = ["id", *_FIELDS, "targets"]


class AliasWrite(WriteSerializer[Alias]):
    """`targets` are all targets: one that is left out of the list is taken away."""

    fixed = frozenset({"project"})
    required_capabilities = fields.capabilities(required=False)
    defaults = fields.values_by_name(required=False)
    targets = TargetWrite(many=True, max_length=_MAX_TARGETS)  # type: ignore[call-arg]

    class Meta:
        model = Alias
        fields = [*_FIELDS, "targets"]

    def prepare(
        self, row: Alias, before: Alias | None, written: dict[str, Any]
    ) -> None:
        # Known before anything is written, for its targets may be about to change.
        self._led_somewhere = before is None or not before.active or _is_live(before)

    def check(self, row: Alias, before: Alias | None) -> None:
        if before is None:
            return
        if before.active and not (row.active and row.name == before.name):
            check_alias_not_needed(before)
        if before.active and not row.active:
            check_deactivation(aliases=[before])
        if row.operation != before.operation:
            check_alias_operation(row)

    def save_parts(
        self, row: Alias, before: Alias | None, written: dict[str, Any]
    ) -> None:
        if "targets" in written:
            _write_targets(row, written["targets"])
        else:
            for target in row.targets.all():
                target.clean()
        targets = list(_targets_of(row))
        check_alias_has_target(row, targets)
        if self._led_somewhere:
            check_alias_is_live(row, targets)


def _targets_of(alias: Alias) -> Any:
    return alias.targets.select_related("model__provider", "via").order_by(
        "priority", "id"
    )


def _is_live(alias: Alias) -> bool:
    return any(is_live(target) for target in _targets_of(alias))


def _write_targets(alias: Alias, wanted: list[dict[str, Any]]) -> None:
    """Make the alias's targets these; the rows of those that stay are kept."""
    known = {(row.model_id, row.via_id): row for row in alias.targets.all()}
    kept: list[tuple[dict[str, Any], AliasTarget]] = []
    for values in wanted:
        key = (_pk(values.get("model")), _pk(values.get("via")))
        row = known.pop(key, None) or AliasTarget(alias=alias)
        row.alias = alias
        kept.append((values, row))
    for gone in known.values():
        gone.delete()
    mistakes: list[Any] = []
    for values, row in kept:
        mistakes.append(_write_target(row, values))
    if any(mistakes):
        raise serializers.ValidationError({"targets": mistakes})


def _write_target(row: AliasTarget, values: dict[str, Any]) -> Any:
    for name in _TARGET_FIELDS:
        column: Any = row._meta.get_field(name)
        setattr(row, name, values.get(name, column.get_default()))
    try:
        row.full_clean()
    except ValidationError as error:
        return refused_by_model(error).detail
    row.save()
    return {}


def _pk(row: Model | None) -> Any:
    return None if row is None else row.pk


class AliasViewSet(Configuring):
    queryset = Alias.objects.select_related("project").prefetch_related(
        Prefetch("targets", AliasTarget.objects.order_by("priority", "id"))
    )
    read_serializer_class = AliasRead
    write_serializer_class = AliasWrite
    filterset_class = AliasFilters
    orderings = ("name", "id")
    roles = roles_for(Alias)
    example_body = {
        "name": "fast",
        "operation": "chat",
        "strategy": "cheapest",
        "required_capabilities": ["text"],
        "defaults": {"temperature": 0.7},
        "targets": [
            {"model": "acme/acme-large-2", "priority": 1},
            {"model": "other/model-3", "priority": 2, "weight": 50},
        ],
    }
    example_row = {
        "id": 41,
        **example_body,
        "project": None,
        "sticky": False,
        "region": "",
        "active": True,
        "targets": [
            {"model": 21, "via": None, "priority": 1, "weight": 100, "active": True},
            {"model": 22, "via": None, "priority": 2, "weight": 50, "active": True},
        ],
    }

    def parts_of(self, row: Alias) -> Iterable[Model]:
        return row.targets.all()

    def check_may_go(self, row: Alias) -> None:
        check_unused(row, self.reach, *projects_naming(row))
