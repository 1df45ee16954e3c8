from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from catalog.models.provider import Provider, wire_protocol_choices
from catalog.patterns import check_pattern
from catalog.protocols import Operation, handlers_for, protocol_for
from tenants.audit import audited
from tenants.versioning import announces_changes


@audited()
class Endpoint(models.Model):
    """A path of a provider that serves one operation through one wire protocol."""

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="endpoints"
    )
    operation = models.CharField(max_length=20, choices=Operation.choices)
    pattern = models.CharField(
        max_length=300,
        validators=[check_pattern],
        help_text="Path after the base URL, e.g. /v1/chat/completions.",
    )
    handler = models.CharField(
        max_length=40,
        choices=wire_protocol_choices,
        blank=True,
        help_text="Empty: the provider's.",
    )
    priority = models.PositiveSmallIntegerField(
        default=10, help_text="The lowest number is tried first."
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["provider", "operation", "priority", "id"]
        triggers = announces_changes(
            "(SELECT p.project_id FROM catalog_provider p WHERE p.id = r.provider_id)",
            is_catalog=True,
        )
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "operation", "pattern"],
                name="endpoint_once_per_pattern",
                violation_error_message=(
                    "The provider serves this operation at this pattern already."
                ),
            ),
            models.CheckConstraint(
                condition=Q(pattern__startswith="/"),
                name="endpoint_pattern_is_a_path",
                violation_error_message="A pattern starts with a slash.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider}: {self.operation} at {self.pattern}"

    def clean(self) -> None:
        if self.operation in Operation.values and hasattr(self, "provider"):
            check_handler(self, self.provider.handler)


def handler_of(endpoint: Endpoint, of_provider: str) -> str | None:
    """Return the protocol that the endpoint is spoken to in; None when there is none."""
    own = endpoint.handler
    if not own:
        return protocol_for(of_provider, endpoint.operation)
    return own if protocol_for(own, endpoint.operation) == own else None


def check_handler(endpoint: Endpoint, of_provider: str) -> None:
    """Refuse an endpoint that no protocol speaks to, saying which handlers would."""
    if handler_of(endpoint, of_provider) is not None:
        return
    operation = endpoint.operation
    known = ", ".join(handlers_for(operation))
    if endpoint.handler:
        msg = f"{endpoint.handler} is not for {operation}; there are {known}."
    else:
        msg = (
            f"{of_provider}, the provider's handler, has no protocol for {operation}; "
            f"there are {known}."
        )
    raise ValidationError({"handler": msg})
