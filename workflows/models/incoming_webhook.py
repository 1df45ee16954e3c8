from __future__ import annotations

import base64
import secrets

from django.core.exceptions import ValidationError
from django.db import models
from uuid_utils.compat import uuid7

from tenants.audit import audited
from tenants.models import Project
from tenants.models.project import ProjectScopedQuerySet
from workflows.contents import seal_json, unseal_json
from workflows.limits import MAX_NAME_LENGTH
from workflows.models.workflow import Workflow

_SECRET_BYTES = 32


@audited(secret=("sealed", "last_at"))
class IncomingWebhook(models.Model):
    """An address that runs a workflow when somebody posts signed JSON to it."""

    TABLE = "workflows_incomingwebhook"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    project = models.ForeignKey(
        Project, on_delete=models.PROTECT, related_name="incoming_webhooks"
    )
    workflow = models.ForeignKey(
        Workflow, on_delete=models.CASCADE, related_name="incoming_webhooks"
    )
    name = models.CharField(max_length=MAX_NAME_LENGTH)
    sealed = models.BinaryField(editable=False)
    active = models.BooleanField(
        default=True, help_text="When off, nothing that is posted begins a run."
    )
    last_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ProjectScopedQuerySet.as_manager()

    class Meta:
        ordering = ["project", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                name="workflow_webhook_name_once",
                violation_error_message="The project has an incoming webhook of this "
                "name.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        # A form that has no workflow says so itself.
        workflow: Workflow | None = getattr(self, "workflow", None)
        if workflow is not None and workflow.project_id != self.project_id:
            msg = "The workflow belongs to another project."
            raise ValidationError({"workflow": msg})

    @property
    def path(self) -> str:
        return f"/api/workflows/hooks/{self.pk}"

    def new_secret(self) -> str:
        """Seal a new secret into the row, and return it; it is shown this once."""
        key = base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")
        secret = f"whsec_{key}"
        self.sealed = seal_json(
            secret, self.project_id, self.TABLE, str(self.pk), "secret"
        )
        return secret

    def secret(self) -> str:
        found: str = unseal_json(
            self.sealed, self.project_id, self.TABLE, str(self.pk), "secret"
        )
        return found
