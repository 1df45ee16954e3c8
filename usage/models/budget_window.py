"""What budgets come to: a row per budget and period, and what processes hold of it.

Money is in nano-USD, whole. The rows are written by the functions of usage/budgets/.
"""

from datetime import timedelta
from decimal import Decimal

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone

from tenants.models import Budget

NANO = 10**9


def usd(nano: int) -> Decimal:
    """Return nano-USD as USD."""
    return Decimal(nano).scaleb(-9)


class BudgetWindowQuerySet(QuerySet["BudgetWindow"]):
    def current(self) -> "BudgetWindowQuerySet":
        """Return the windows that the present moment is in."""
        now = timezone.now()
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=now), starts_at__lte=now)


class BudgetWindow(models.Model):
    """A budget in one day, week or month, or in total; for one end user where it is each's.

    A new period is a new row, so that nothing is ever set back to zero.
    """

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="windows")
    subject = models.CharField(
        "end user",
        max_length=200,
        blank=True,
        default="",
        help_text="Whose it is, where each end user has a budget.",
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, help_text="Empty: never.")
    spent_nano = models.BigIntegerField(default=0, db_default=0)
    unpriced = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Attempts whose cost is not known; they count 0.",
    )
    would_refuse = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="Requests that a hard budget would have refused (shadow).",
    )
    counted_at = models.DateTimeField(
        null=True, help_text="When what was spent before was counted."
    )

    objects = BudgetWindowQuerySet.as_manager()

    class Meta:
        ordering = ["-starts_at", "budget", "subject"]
        # Of many end users and days, only those of the present are read.
        indexes = [models.Index(fields=["ends_at"], name="budget_window_ends")]
        constraints = [
            models.UniqueConstraint(
                fields=["budget", "subject", "starts_at"],
                name="budget_window_once",
            ),
            models.CheckConstraint(
                condition=Q(spent_nano__gte=0),
                name="budget_window_spent_not_negative",
            ),
        ]

    def __str__(self) -> str:
        whose = f" of {self.subject}" if self.subject else ""
        return f"{self.budget}{whose} from {self.starts_at:%Y-%m-%d}"


class BudgetLease(models.Model):
    """What one process holds of a window until `expires_at`: its escrow.

    `worker` is the name of the process's folder in the spool.
    """

    window = models.ForeignKey(
        BudgetWindow, on_delete=models.CASCADE, related_name="leases"
    )
    worker = models.CharField(max_length=32)
    amount_nano = models.BigIntegerField()
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["window", "worker"]
        constraints = [
            models.UniqueConstraint(
                fields=["window", "worker"], name="budget_lease_once_per_worker"
            ),
            models.CheckConstraint(
                condition=Q(amount_nano__gte=0), name="budget_lease_not_negative"
            ),
        ]

    def __str__(self) -> str:
        left = max(self.expires_at - timezone.now(), timedelta())
        return f"{usd(self.amount_nano)} USD for {left.total_seconds():.0f} s"


class BudgetWarning(models.Model):
    """A window has come to a share of its budget; told once for each share.

    Besides the percentages of `warn_at` there is one at 100.
    """

    window = models.ForeignKey(
        BudgetWindow, on_delete=models.CASCADE, related_name="warnings"
    )
    percent = models.PositiveSmallIntegerField()
    spent_nano = models.BigIntegerField()
    limit_nano = models.BigIntegerField()
    created_at = models.DateTimeField(db_index=True)
    told_at = models.DateTimeField(
        null=True, help_text="When somebody was notified of it."
    )

    class Meta:
        ordering = ["-created_at", "-percent"]
        constraints = [
            models.UniqueConstraint(
                fields=["window", "percent"], name="budget_warning_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.window}: {self.percent} %"
