from __future__ import annotations

from django.db import models
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from catalog.models.provider import Provider


class ProviderCheckQuerySet(models.QuerySet["ProviderCheck"]):
    def latest_of_each(self) -> ProviderCheckQuerySet:
        """Return the newest check of every provider that was ever checked."""
        newest = (
            ProviderCheck.objects.filter(provider=OuterRef("pk"))
            .order_by("-checked_at")
            .values("pk")[:1]
        )
        return self.filter(pk__in=Provider.objects.values_list(Subquery(newest)))


class ProviderCheck(models.Model):
    """What came of asking a provider, at no cost, whether it answers."""

    class Status(models.TextChoices):
        OK = "ok"
        FAILING = "failing"

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="checks"
    )
    checked_at = models.DateTimeField(default=timezone.now)
    status = models.CharField(max_length=8, choices=Status.choices)
    http_status = models.PositiveSmallIntegerField("HTTP status", null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    message = models.CharField(max_length=300, blank=True)

    objects = ProviderCheckQuerySet.as_manager()

    class Meta:
        verbose_name = "provider check"
        ordering = ["-checked_at"]
        indexes = [
            models.Index(
                fields=["provider", "-checked_at"], name="provider_check_by_provider"
            ),
            models.Index(fields=["checked_at"], name="provider_check_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.status} at {self.checked_at:%Y-%m-%d %H:%M:%S}"

    @property
    def is_about_key(self) -> bool:
        """Whether the provider answered, and refused the key."""
        return self.http_status in {401, 402, 403}
