from django.db import models

from tenants.audit import audited
from tenants.time_zones import check_time_zone
from tenants.versioning import announces_changes


@audited()
class Organization(models.Model):
    """Who runs projects and pays for them."""

    slug = models.SlugField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    active = models.BooleanField(
        default=True, help_text="When off, no key of any of its projects works."
    )
    time_zone = models.CharField(
        max_length=64,
        default="UTC",
        db_default="UTC",
        validators=[check_time_zone],
        help_text="In which the days of its budgets begin.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slug"]
        triggers = announces_changes("NULL::bigint")

    def __str__(self) -> str:
        return self.slug
