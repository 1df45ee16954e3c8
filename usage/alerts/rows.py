"""What is found in rows: budgets, credentials, providers, keys and approvals.

Each reads the state as it is, so that it may run late, or twice.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from catalog.models import Credential, Provider, ProviderCheck
from tenants.models import ApiKey, Approval
from usage.alerts.findings import Finding, within
from usage.budget_figures import figures_of
from usage.models import AlertRule, BudgetWarning, BudgetWindow
from usage.models.budget_window import NANO, usd

# The end of a key is told once more when so little is left.
_LAST_DAYS = 1
# Before so much of a budget is spent, its pace is nothing to be told of.
_TENTH = Decimal(NANO) / 10
_AT_ONCE = 500


def budgets_that_end(rule: AlertRule) -> Iterator[Finding]:
    """Find budgets that have come to a share of which somebody wants to know."""
    found = BudgetWarning.objects.filter(
        _of_budgets(rule, "window__budget"), told_at=None
    ).select_related(
        "window__budget__project__organization", "window__budget__organization"
    )
    for warning in found.order_by("created_at")[:_AT_ONCE]:
        budget, window = warning.window.budget, warning.window
        owner = budget.project or budget.organization
        whose = f" of {window.subject}" if window.subject else ""
        spent, limit = usd(warning.spent_nano), usd(warning.limit_nano)
        yield Finding(
            subject=f"budget {budget.pk}{whose}",
            window=f"{window.pk}:{warning.percent}",
            title=f"{owner}: {warning.percent} % of a budget{whose} is spent",
            text=(
                f"{spent:.2f} of {limit:.2f} USD, {budget.per}, {budget.mode}; "
                f"since {window.starts_at:%Y-%m-%d %H:%M} UTC."
            ),
            link=reverse("admin:tenants_budget_change", args=[budget.pk]),
            facts={
                "budget_id": budget.pk,
                "percent": warning.percent,
                "spent_usd": str(spent),
                "limit_usd": str(limit),
                "end_user": window.subject,
            },
            organization=budget.organization,
            project=budget.project,
        )


def budgets_that_will_not_last(rule: AlertRule) -> Iterator[Finding]:
    """Find budgets that come, at their present pace, to more than the threshold."""
    windows = (
        BudgetWindow.objects.current()
        .filter(
            _of_budgets(rule, "budget"),
            budget__active=True,
            budget__amount_usd__gt=0,
            ends_at__isnull=False,
            spent_nano__gte=F("budget__amount_usd") * _TENTH,
        )
        .select_related("budget__project__organization", "budget__organization")
    )
    budgets = {window.budget_id: window.budget for window in windows[:_AT_ONCE]}
    for pk, figures in figures_of(budgets.values()).items():
        budget, forecast = budgets[pk], figures.forecast
        bound = figures.limit * rule.threshold / 100
        if forecast is None or figures.left <= 0 or forecast <= bound:
            continue
        owner = budget.project or budget.organization
        yield Finding(
            subject=f"budget {pk}",
            window=f"{figures.starts_at:%Y-%m-%dT%H:%M}",
            title=f"{owner}: a budget will not last its {budget.per}",
            text=(
                f"{figures.spent:.2f} of {figures.limit:.2f} USD are spent; at this pace "
                f"it comes to {forecast:.2f} USD by {figures.ends_at:%Y-%m-%d %H:%M} UTC."
            ),
            link=reverse("admin:tenants_budget_change", args=[pk]),
            facts={
                "budget_id": pk,
                "spent_usd": str(figures.spent),
                "limit_usd": str(figures.limit),
                "forecast_usd": f"{forecast:.6f}",
            },
            organization=budget.organization,
            project=budget.project,
        )


def _of_budgets(rule: AlertRule, to_budget: str) -> Q:
    found = within(rule, f"{to_budget}__project")
    if rule.organization_id is not None and rule.project_id is None:
        found |= Q(**{f"{to_budget}__organization": rule.organization_id})
    return found


def credentials_in_quarantine(rule: AlertRule) -> Iterator[Finding]:
    """Find credentials that a provider refuses."""
    found = Credential.objects.filter(
        within(rule, "project"), quarantined_at__isnull=False, active=True
    )
    for row in found.select_related("provider", "project__organization")[:_AT_ONCE]:
        yield Finding(
            subject=f"{row.provider.slug} {row.name}",
            window=f"{row.pk}:{row.quarantined_at:%Y-%m-%dT%H:%M:%S}",
            title=f"{row.provider} refuses the credential {row.name!r}",
            text=(
                "It is not used until it is replaced or released from quarantine; "
                "other credentials and targets are asked meanwhile."
            ),
            link=reverse("admin:catalog_credential_change", args=[row.pk]),
            facts={"provider": row.provider.slug, "credential_id": row.pk},
            project=row.project,
        )


def providers_that_are_down(rule: AlertRule) -> Iterator[Finding]:
    """Find providers of which the last checks have all failed."""
    needed = max(int(rule.threshold), 1)
    for provider in Provider.objects.filter(
        within(rule, "project"), active=True
    ).select_related("project__organization"):
        checks = list(ProviderCheck.objects.filter(provider=provider)[:needed])
        failing = ProviderCheck.Status.FAILING
        if len(checks) < needed or any(check.status != failing for check in checks):
            continue
        last_good = (
            ProviderCheck.objects.filter(
                provider=provider, status=ProviderCheck.Status.OK
            )
            .values_list("pk", flat=True)
            .first()
        )
        yield Finding(
            subject=provider.slug,
            # As long as no check succeeds it is one outage.
            window=f"after {last_good}",
            title=f"{provider} does not answer its checks",
            text=checks[0].message,
            link=reverse("admin:catalog_provider_change", args=[provider.pk]),
            facts={"provider": provider.slug},
            project=provider.project,
        )


def keys_that_expire(rule: AlertRule) -> Iterator[Finding]:
    """Find keys that end soon and have no successor."""
    now = timezone.now()
    days_told = sorted({int(rule.threshold), _LAST_DAYS})
    found = ApiKey.objects.filter(
        within(rule, "project"),
        revoked_at=None,
        rotated_to=None,
        expires_at__gt=now,
        expires_at__lte=now + timedelta(days=days_told[-1]),
        project__active=True,
    ).select_related("project__organization")
    for key in found[:_AT_ONCE]:
        assert key.expires_at is not None  # noqa: S101  # The filter says so.
        left = key.expires_at - now
        days = next(each for each in days_told if left <= timedelta(days=each))
        yield Finding(
            subject=f"{key.project.slug} {key.prefix}",
            window=f"{key.expires_at:%Y-%m-%dT%H:%M:%S}:{days}",
            title=f"{key.project}: the key {key.prefix}… expires within {days} d",
            text=(
                f"{key.name}, on {key.expires_at:%Y-%m-%d %H:%M} UTC. Rotate it, so "
                "that both keys work for a time."
            ),
            link=reverse("admin:tenants_apikey_change", args=[key.pk]),
            facts={"key": key.prefix, "days": days},
            project=key.project,
        )


def approvals_that_wait(rule: AlertRule) -> Iterator[Finding]:
    """Find requests that nobody has decided on for the minutes of the threshold."""
    now = timezone.now()
    found = Approval.objects.filter(
        within(rule, "project"),
        state=Approval.State.PENDING,
        requested_at__lte=now - timedelta(minutes=float(rule.threshold)),
        expires_at__gt=now,
    ).select_related("project__organization")
    for row in found.order_by("requested_at")[:_AT_ONCE]:
        waited = int((now - row.requested_at).total_seconds() // 60)
        yield Finding(
            subject=f"approval {row.pk}",
            window="once",
            title=f"{row.project}: a request has waited for {waited} min to be approved",
            text=(
                f"{row.model}, {row.estimate_usd:.4f} USD by estimate; it expires on "
                f"{row.expires_at:%Y-%m-%d %H:%M} UTC."
            ),
            link=reverse("admin:tenants_approval_change", args=[row.pk]),
            facts={"approval_id": str(row.pk), "waited_minutes": waited},
            project=row.project,
        )
