from uuid import UUID

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from uuid_utils import uuid7

from tenants.context.scopes import KIND
from tenants.models.end_user import EndUser
from tenants.models.project import Project, ProjectScopedQuerySet

check_kind = RegexValidator(
    rf"^{KIND.pattern}\Z", "A slug of at most 63 letters, digits, _ and -."
)
check_source_id = RegexValidator(
    r"^[\x21-\x7e]{0,200}\Z", "Visible ASCII characters, at most 200, no spaces."
)


def new_id() -> UUID:
    """Return an id that sorts by when it was made."""
    return UUID(int=uuid7().int)


class EndUserKey(models.Model):
    """A key that seals one end user's context, itself wrapped by the project's data key.

    Without it nothing of that context can be read by anybody.
    """

    end_user = models.OneToOneField(
        EndUser, on_delete=models.CASCADE, related_name="data_key"
    )
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    wrapped = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"data key of {self.end_user}"


class ContextEntryQuerySet(ProjectScopedQuerySet):
    def expired(self) -> "ContextEntryQuerySet":
        return self.filter(expires_at__lte=timezone.now())


class ContextEntry(models.Model):
    """Something a project keeps of an end user, sealed with the user's own key."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="context_entries"
    )
    end_user = models.ForeignKey(
        EndUser,
        on_delete=models.CASCADE,
        related_name="context_entries",
        db_index=False,
    )
    kind = models.CharField(max_length=63, validators=[check_kind])
    # Null where there is none, so that any number of entries may have none.
    source_id = models.CharField(  # noqa: DJ001
        max_length=200,
        null=True,
        blank=True,
        validators=[check_source_id],
        help_text="The project's own id of it, by which it is written again.",
    )
    occurred_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True, db_index=True)
    tokens = models.PositiveIntegerField(help_text="About how long it is.")
    sealed = models.BinaryField()
    embedded_with = models.CharField(
        max_length=300,
        blank=True,
        default="",
        help_text="The model that made its vector, where there is one.",
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    objects = ContextEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "context entries"
        ordering = ["-occurred_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["end_user", "kind", "source_id"],
                name="context_entry_once_per_source",
            )
        ]
        indexes = [
            models.Index(
                fields=["end_user", "kind", "-occurred_at", "-id"],
                name="context_entry_newest_of_kind",
            ),
            models.Index(
                fields=["end_user", "-occurred_at", "-id"], name="context_entry_newest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class ContextView(models.Model):
    """That somebody has looked at what a model would be told of an end user."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True
    )
    api_key = models.CharField("API key", max_length=32, blank=True)
    project = models.ForeignKey(Project, on_delete=models.CASCADE)
    end_user = models.ForeignKey(EndUser, on_delete=models.SET_NULL, null=True)
    scope = models.CharField(max_length=63)
    at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.user or self.api_key} saw {self.scope} at {self.at}"


class Erasure(models.Model):
    """The receipt for the erasure of an end user's context: what went, and when.

    It names nobody: `subject` is a digest that only the project's own key can make.
    """

    class Via(models.TextChoices):
        CONTEXT_API = "context_api", "API"
        ADMIN = "admin"
        DELETION = "deletion", "The end user was deleted"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.SET_NULL, null=True, related_name="erasures"
    )
    subject = models.CharField(max_length=64, db_index=True)
    via = models.CharField(max_length=16, choices=Via.choices)
    counts = models.JSONField(default=dict)
    erased_at = models.DateTimeField()
    digest = models.CharField(
        max_length=64, help_text="Of all of the above, under the project's data key."
    )

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["-erased_at", "-id"]

    def __str__(self) -> str:
        return f"{self.id}"
