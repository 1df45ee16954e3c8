from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinValueValidator,
)
from django.db import models

from tenants.audit import audited
from tenants.context import scopes, vectors
from tenants.context.scopes import BadKinds, ScopeRules
from tenants.models.project import Project, ProjectScopedQuerySet
from tenants.versioning import announces_changes


@audited()
class ContextScope(models.Model):
    """How much of an end user's context is put before a request that names this scope.

    One called minimal, standard or comprehensive stands in place of the ready one.
    """

    class Order(models.TextChoices):
        NEWEST_FIRST = scopes.NEWEST_FIRST
        OLDEST_FIRST = scopes.OLDEST_FIRST
        BY_KIND = scopes.BY_KIND

    class Selection(models.TextChoices):
        NEWEST = scopes.BY_TIME
        SIMILAR = scopes.BY_SIMILARITY, "Most similar to the question"

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="context_scopes"
    )
    name = models.SlugField(
        max_length=63, help_text="What a request calls it, e.g. standard."
    )
    kinds = models.JSONField(
        default=list,
        blank=True,
        help_text=(
            "Which entries, in the order of presentation, e.g. "
            '[{"kind": "feels", "days": 7, "max_entries": 50}]; "*" stands for every '
            "other kind, days null for all time."
        ),
    )
    token_budget = models.PositiveIntegerField(
        default=2_000,
        validators=[MinValueValidator(20), MaxValueValidator(scopes.MAX_BUDGET)],
        help_text="About how many tokens it may take; the oldest entries go first.",
    )
    order = models.CharField(
        max_length=16, choices=Order.choices, default=Order.NEWEST_FIRST
    )
    selection = models.CharField(
        max_length=16,
        choices=Selection.choices,
        default=Selection.NEWEST,
        help_text=(
            "Which entries go first into the budget. By similarity needs PostgreSQL's "
            "extension vector and an alias named embed; vectors are stored unsealed."
        ),
    )
    template = models.TextField(
        default=scopes.DEFAULT_TEMPLATE,
        validators=[MaxLengthValidator(scopes.MAX_TEMPLATE)],
        help_text=(
            "The text, with {{name}}, {{date}}, {{weekday}}, {{entries}} and "
            "{{entries.KIND}}. A line is left out where all that it names is empty."
        ),
    )
    entry_template = models.CharField(
        max_length=scopes.MAX_ENTRY_TEMPLATE,
        default=scopes.DEFAULT_ENTRY_TEMPLATE,
        help_text="One entry, with {{date}}, {{time}}, {{kind}} and {{content}}.",
    )

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["project", "name"]
        triggers = announces_changes("r.project_id")
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                name="context_scope_once_per_project",
                violation_error_message="The project has a scope of this name already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.project}:{self.name}"

    def save(self, **kwargs: Any) -> None:
        if self.selection == self.Selection.SIMILAR:
            vectors.prepare()
        super().save(**kwargs)

    def clean(self) -> None:
        wrong: dict[str, Any] = {}
        try:
            scopes.kinds_of(self.kinds)
        except BadKinds as error:
            wrong["kinds"] = str(error)
        for name, known in (
            ("template", scopes.PLACES),
            ("entry_template", scopes.ENTRY_PLACES),
        ):
            if fault := scopes.fault_of_template(getattr(self, name), known):
                wrong[name] = fault
        if self.selection == self.Selection.SIMILAR:
            if not vectors.is_available():
                wrong["selection"] = vectors.MISSING
            elif not vectors.can_prepare():
                wrong["selection"] = vectors.REFUSED
        if wrong:
            raise ValidationError(wrong)

    @property
    def rules(self) -> ScopeRules:
        """The scope as it is applied. Raises `BadKinds`."""
        return ScopeRules(
            name=self.name,
            kinds=scopes.kinds_of(self.kinds),
            token_budget=self.token_budget,
            order=self.order,
            selection=self.selection,
            template=self.template,
            entry_template=self.entry_template,
        )
