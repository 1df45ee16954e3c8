"""What a key may be used for besides the operations of inference."""

from django.db import models


class Scope(models.TextChoices):
    """A key without scopes may be used for everything; analytics are for reading."""

    ANALYTICS = "analytics"
    END_USERS = "end_users", "End users"
    WORKFLOWS = "workflows"
    CONTEXT = "context"
