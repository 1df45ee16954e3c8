from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tenants.audit import audited
from tenants.keys import OPERATOR_PREFIX, new_key


@audited(secret=("digest",))
class OperatorToken(models.Model):
    """What an operator presents to the control API; only its digest is kept."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="operator_tokens",
    )
    name = models.CharField(max_length=200, default="default")
    token_id = models.CharField(max_length=32, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True)
                | Q(expires_at__gt=models.F("created_at")),
                name="operator_token_expires_after_creation",
                violation_error_message="A token must expire after it was created.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.prefix}… ({self.user}, {self.name})"

    @property
    def prefix(self) -> str:
        """The part of the token that may be shown and logged."""
        return f"{OPERATOR_PREFIX}_{self.token_id}"

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None and (
            self.expires_at is None or self.expires_at > timezone.now()
        )

    @classmethod
    def issue(
        cls, user: AbstractBaseUser, name: str, *, expires_at: datetime | None = None
    ) -> tuple[OperatorToken, str]:
        """Create a token and return it with its text, which is shown only once."""
        fresh = new_key(OPERATOR_PREFIX)
        token = cls.objects.create(
            user=user,
            name=name,
            token_id=fresh.key_id,
            digest=fresh.digest,
            expires_at=expires_at,
        )
        return token, fresh.text

    def revoke(self) -> None:
        """Stop the token now; revoking it again changes nothing."""
        if self.revoked_at is None:
            self.revoked_at = timezone.now()
            self.save(update_fields=["revoked_at"])
