from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models

from tenants.audit import audited
from tenants.models.project import Project, ProjectScopedQuerySet
from tenants.versioning import announces_changes

check_external_id = RegexValidator(
    r"^[\x21-\x7e]{1,200}\Z", "Visible ASCII characters, at most 200, no spaces."
)


@audited()
class EndUser(models.Model):
    """A user of a project, by the name that the project sends as `userId`."""

    project = models.ForeignKey(
        Project, on_delete=models.CASCADE, related_name="end_users"
    )
    external_id = models.CharField(
        "user id", max_length=200, validators=[check_external_id]
    )
    name = models.CharField(max_length=200, blank=True)
    default_model = models.CharField(
        max_length=200,
        blank=True,
        help_text="Alias or model for requests of this user that name none.",
    )
    preferred_provider = models.SlugField(
        max_length=63,
        blank=True,
        help_text="Asked first where it can serve; the others stay as fallbacks.",
    )
    active = models.BooleanField(
        default=True, help_text="When off, requests that name this user are refused."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["project", "external_id"]
        triggers = announces_changes("r.project_id", end_user="r.id")
        constraints = [
            models.UniqueConstraint(
                fields=["project", "external_id"],
                name="end_user_once_per_project",
                violation_error_message="The project has this user already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.project}:{self.external_id}"


def check_end_user_of(project_id: int | None, end_user: EndUser | None) -> None:
    """Refuse the end user of another project."""
    if end_user is not None and end_user.project_id != project_id:
        msg = f"{end_user} belongs to another project; choose a user of this one."
        raise ValidationError({"end_user": msg})
