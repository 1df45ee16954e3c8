from django.db import models

from usage.models.rollup import UsageCounts, UsageRollup


class EndUserUsage(UsageRollup):
    """Usage of one hour (UTC), or of a part of it, by one end user."""

    hour = models.DateTimeField()
    end_user = models.CharField(max_length=200)

    class Meta:
        verbose_name_plural = "usage by end users"
        ordering = ["-hour"]
        # Texts of that length are too much for a unique index over all of them.
        indexes = [
            models.Index(fields=["project", "hour"], name="end_user_project_hour"),
            models.Index(fields=["hour"], name="end_user_hour"),
            models.Index(
                fields=["end_user", "project", "hour"], name="end_user_of_project"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}h {self.project_id} {self.end_user}"


class EndUserTotal(UsageCounts):
    """Usage of one day (UTC) by one end user, summed up once the day is over."""

    day = models.DateField()
    end_user = models.CharField(max_length=200)

    class Meta:
        ordering = ["-day"]
        indexes = [
            models.Index(fields=["project", "day"], name="end_user_total_project"),
            models.Index(fields=["day"], name="end_user_total_day"),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.project_id} {self.end_user}"


class OpenDay(models.Model):
    """A day (UTC) with news that the totals of its end users lack."""

    day = models.DateField(primary_key=True)

    def __str__(self) -> str:
        return f"{self.day}"
