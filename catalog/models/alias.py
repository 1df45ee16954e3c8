from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q

from catalog.models.aimodel import AIModel, check_capabilities
from catalog.protocols import Operation, served_by
from tenants.audit import audited
from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from tenants.strategies import Strategy
from tenants.versioning import announces_changes

MAX_ALIAS_DEPTH = 5

check_alias_name = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z",
    "A name has letters, digits, '.', '_' and '-', and starts with a letter or digit.",
)


def check_defaults(value: Any) -> None:
    if not isinstance(value, dict):
        msg = 'Defaults are an object of parameters, e.g. {"temperature": 0.7}.'
        raise ValidationError(msg)


@audited()
class Alias(models.Model):
    """A name such as `fast` that stands for an ordered list of models."""

    name = models.CharField(max_length=100, validators=[check_alias_name])
    project = models.ForeignKey(
        Project,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="aliases",
        help_text="Empty: for all projects. A project's own alias goes first.",
    )
    operation = models.CharField(
        max_length=20, choices=Operation.choices, default=Operation.CHAT
    )
    strategy = models.CharField(
        max_length=16,
        choices=Strategy.choices,
        default=Strategy.PRIORITY,
        blank=True,
        help_text="How its targets are ordered; empty: as the project says.",
    )
    sticky = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Where lots are drawn by weight, an end user keeps the same target.",
    )
    required_capabilities = models.JSONField(
        default=list, blank=True, validators=[check_capabilities]
    )
    region = models.CharField(max_length=32, blank=True)
    defaults = models.JSONField(
        default=dict,
        blank=True,
        validators=[check_defaults],
        help_text="Parameters for requests that do not give them.",
    )
    active = models.BooleanField(default=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "aliases"
        ordering = ["name", "project"]
        triggers = announces_changes("r.project_id")
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                nulls_distinct=False,
                name="alias_once_per_project",
                violation_error_message="There is an alias of this name already.",
            )
        ]

    def __str__(self) -> str:
        return self.name if self.project is None else f"{self.project}:{self.name}"


@audited()
class AliasTarget(models.Model):
    """One model, or one other alias, that an alias may stand for."""

    alias = models.ForeignKey(Alias, on_delete=models.CASCADE, related_name="targets")
    model = models.ForeignKey(
        AIModel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="alias_targets",
    )
    via = models.ForeignKey(
        Alias,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="used_by",
        help_text="Another alias, in place of a model.",
    )
    priority = models.PositiveSmallIntegerField(
        default=1, help_text="The lowest number is tried first."
    )
    weight = models.PositiveIntegerField(default=100, validators=[MinValueValidator(1)])
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name = "target"
        ordering = ["alias", "priority", "id"]
        triggers = announces_changes(
            "(SELECT a.project_id FROM catalog_alias a WHERE a.id = r.alias_id)"
        )
        constraints = [
            models.CheckConstraint(
                condition=Q(model__isnull=False, via__isnull=True)
                | Q(model__isnull=True, via__isnull=False),
                name="target_model_or_alias",
                violation_error_message="Choose a model or another alias, not both.",
            ),
            models.CheckConstraint(
                condition=~Q(via=models.F("alias")),
                name="target_is_not_its_own_alias",
                violation_error_message="An alias cannot stand for itself.",
            ),
            models.UniqueConstraint(
                fields=["alias", "model", "via"],
                nulls_distinct=False,
                name="target_once_per_alias",
                violation_error_message="The alias has this target already.",
            ),
        ]

    def __str__(self) -> str:
        return str(self.model or self.via)

    def clean(self) -> None:
        if self.model is not None and self.alias_id is not None:
            check_target_model(self.alias, self.model)
        if self.via is not None and self.alias_id is not None:
            check_no_loop(self.alias, self.via)


def check_target_model(alias: Alias, model: AIModel) -> None:
    """Refuse a model that cannot answer what the alias is for, or for whom it is."""
    if not set(served_by(alias.operation)) & set(model.operations):
        msg = (
            f"{model} does not serve {alias.operation}, which {alias.name} is for; "
            f"it serves {', '.join(model.operations) or 'nothing'}."
        )
        raise ValidationError({"model": msg})
    if model.owner_id not in {None, alias.project_id}:
        msg = f"{model} is another project's own; only its aliases may stand for it."
        raise ValidationError({"model": msg})


def check_no_loop(alias: Alias, via: Alias) -> None:
    """Refuse a target alias of another operation, or one that leads back or too deep."""
    if via.operation != alias.operation:
        msg = f"{via.name} is for {via.operation}, {alias.name} for {alias.operation}."
        raise ValidationError({"via": msg})
    if via.project_id is not None and via.project_id != alias.project_id:
        msg = f"{via} belongs to another project."
        raise ValidationError({"via": msg})
    level = {via.pk}
    for _ in range(MAX_ALIAS_DEPTH):
        if alias.pk in level:
            msg = f"{via.name} leads back to {alias.name}: that would be a loop."
            raise ValidationError({"via": msg})
        level = set(
            AliasTarget.objects.filter(alias__in=level, via__isnull=False).values_list(
                "via_id", flat=True
            )
        )
        if not level:
            return
    msg = f"Aliases may lead to aliases at most {MAX_ALIAS_DEPTH} deep."
    raise ValidationError({"via": msg})
