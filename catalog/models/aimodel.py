from __future__ import annotations

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.core.exceptions import ValidationError
from django.db import models

from catalog.models.provider import Provider
from catalog.protocols import Capability, Operation
from tenants.audit import audited
from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from tenants.versioning import announces_changes

_MAX_SUCCESSORS = 20


def default_operations() -> list[str]:
    return [Operation.CHAT.value]


def default_capabilities() -> list[str]:
    return [Capability.TEXT.value]


def check_operations(value: Any) -> None:
    _check_names(value, Operation.values, "operation")


def check_capabilities(value: Any) -> None:
    _check_names(value, Capability.values, "capability")


def _check_names(value: Any, known: list[str], what: str) -> None:
    if not isinstance(value, list):
        msg = f'This is a list, e.g. ["{known[0]}"].'
        raise ValidationError(msg)
    for name in value:
        if name not in known:
            msg = f"{name!r} is no {what}; there are {', '.join(known)}."
            raise ValidationError(msg)


@audited()
class AIModel(models.Model):
    """One model as one provider offers it."""

    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, related_name="models"
    )
    model_id = models.CharField(
        max_length=200, help_text="The name that the provider knows it by."
    )
    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="models",
        help_text="Only for this project; empty: for all that may use its provider.",
    )
    operations = models.JSONField(
        default=default_operations, validators=[check_operations]
    )
    capabilities = models.JSONField(
        default=default_capabilities, blank=True, validators=[check_capabilities]
    )
    context_window = models.PositiveIntegerField(
        null=True, blank=True, help_text="In tokens; empty: not known."
    )
    max_output_tokens = models.PositiveIntegerField(null=True, blank=True)
    expected_latency_ms = models.PositiveIntegerField(
        null=True, blank=True, help_text="Used until there are observations."
    )
    active = models.BooleanField(default=True)
    deprecated_on = models.DateField(
        null=True,
        blank=True,
        help_text="From this day on its successor answers in its place, if it has one.",
    )
    successor = models.ForeignKey(
        "self",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="predecessors",
    )

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        verbose_name = "model"
        ordering = ["provider", "model_id"]
        triggers = announces_changes(
            "COALESCE(r.project_id, (SELECT p.project_id FROM catalog_provider p"
            " WHERE p.id = r.provider_id))",
            is_catalog=True,
        )
        indexes = [GinIndex(fields=["capabilities"], name="aimodel_capabilities_gin")]
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "model_id"],
                name="aimodel_once_per_provider",
                violation_error_message="The provider has a model of this id already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider.slug}/{self.model_id}"

    @property
    def owner_id(self) -> int | None:
        """The project that alone may use it; None: all may."""
        return self.project_id or self.provider.project_id

    def clean(self) -> None:
        if hasattr(self, "provider"):
            self._check_owner()
        self._check_successors()

    def _check_owner(self) -> None:
        owner = self.provider.project_id
        if owner is not None and self.project_id not in {None, owner}:
            msg = f"{self.provider} is for {self.provider.project} alone."
            raise ValidationError({"project": msg})
        successor = self.successor
        if successor is not None and successor.owner_id not in {None, self.owner_id}:
            msg = f"{successor} is another project's own."
            raise ValidationError({"successor": msg})

    def _check_successors(self) -> None:
        seen = {self.pk}
        successor = self.successor
        for _ in range(_MAX_SUCCESSORS):
            if successor is None:
                return
            if successor.pk in seen and successor.pk is not None:
                break
            seen.add(successor.pk)
            successor = successor.successor
        msg = "The successors lead back to this model; choose one that does not."
        raise ValidationError({"successor": msg})
