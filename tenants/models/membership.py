from django.conf import settings
from django.db import models

from tenants.audit import audited
from tenants.models.organization import Organization


class Role(models.TextChoices):
    """What a person may do in an organization; each includes those after it."""

    OWNER = "owner", "Owner: everything, people included"
    OPERATOR = "operator", "Operator: configure, decide on approvals"
    ANALYST = "analyst", "Analyst: see usage, costs and reports"
    READ_ONLY = "read_only", "Read-only: see the configuration"


@audited()
class Membership(models.Model):
    """A person's role in an organization, or in the whole installation."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    organization = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="memberships",
        help_text="Empty: every organization, and the catalog that they share.",
    )
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.READ_ONLY)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["organization", "user"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "organization"],
                nulls_distinct=False,
                name="membership_once_per_organization",
                violation_error_message="This person belongs to the organization already.",
            )
        ]

    def __str__(self) -> str:
        where = self.organization or "the whole installation"
        return f"{self.user} in {where} ({self.role})"
