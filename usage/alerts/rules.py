"""The rules: each returns what it has found, with whom it concerns.

A rule reads the state as it is, so that it may run late, or twice: what was told is known
by the `once` of its news.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from catalog.models import Credential, Provider, ProviderCheck
from tenants.models import ApiKey, Organization, Project
from usage.models import BudgetWarning, Topic
from usage.models.budget_window import usd
from usage.notifications.telling import News

# How long before its end the end of a key is told.
KEY_WARNINGS = (timedelta(days=7), timedelta(days=1))
# So many checks in a row have failed of a provider that is down.
CHECKS_THAT_TELL = 3
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Finding:
    """News, and whom it concerns: a project, an organization, or all of them."""

    news: News
    organization: Organization | None = None
    project: Project | None = None


def budgets_that_end() -> Iterator[Finding]:
    """Tell of budgets that have come to a share of which somebody wants to know."""
    found = BudgetWarning.objects.filter(told_at=None).select_related(
        "window__budget__project__organization", "window__budget__organization"
    )
    for warning in found.order_by("created_at")[:_AT_ONCE]:
        budget, window = warning.window.budget, warning.window
        owner = budget.project or budget.organization
        whose = f" of {window.subject}" if window.subject else ""
        spent, limit = usd(warning.spent_nano), usd(warning.limit_nano)
        yield Finding(
            News(
                topic=Topic.BUDGET.value,
                once=f"budget:{window.pk}:{warning.percent}",
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
            ),
            organization=budget.organization,
            project=budget.project,
        )


def credentials_in_quarantine() -> Iterator[Finding]:
    """Tell of credentials that a provider refuses."""
    found = Credential.objects.filter(quarantined_at__isnull=False, active=True)
    for row in found.select_related("provider", "project__organization")[:_AT_ONCE]:
        yield Finding(
            News(
                topic=Topic.CREDENTIAL.value,
                once=f"credential:{row.pk}:{row.quarantined_at:%Y-%m-%dT%H:%M:%S}",
                title=f"{row.provider} refuses the credential {row.name!r}",
                text=(
                    "It is not used until it is replaced or released from quarantine; "
                    "other credentials and targets are asked meanwhile."
                ),
                link=reverse("admin:catalog_credential_change", args=[row.pk]),
                facts={"provider": row.provider.slug, "credential_id": row.pk},
            ),
            project=row.project,
        )


def providers_that_are_down() -> Iterator[Finding]:
    """Tell of providers of which the last checks have all failed."""
    for provider in Provider.objects.filter(active=True).select_related(
        "project__organization"
    ):
        checks = list(
            ProviderCheck.objects.filter(provider=provider)[: CHECKS_THAT_TELL + 1]
        )
        failed = [c for c in checks if c.status == ProviderCheck.Status.FAILING]
        if (
            len(checks) < CHECKS_THAT_TELL
            or failed[:CHECKS_THAT_TELL] != (checks[:CHECKS_THAT_TELL])
        ):
            continue
        last_good = (
            ProviderCheck.objects.filter(
                provider=provider, status=ProviderCheck.Status.OK
            )
            .values_list("pk", flat=True)
            .first()
        )
        yield Finding(
            News(
                topic=Topic.PROVIDER.value,
                # As long as no check succeeds it is one outage.
                once=f"provider:{provider.pk}:{last_good}",
                title=f"{provider} does not answer its checks",
                text=checks[0].message,
                link=reverse("admin:catalog_provider_change", args=[provider.pk]),
                facts={"provider": provider.slug},
            ),
            project=provider.project,
        )


def keys_that_expire() -> Iterator[Finding]:
    """Tell of keys that end soon and have no successor."""
    now = timezone.now()
    found = ApiKey.objects.filter(
        revoked_at=None,
        rotated_to=None,
        expires_at__gt=now,
        expires_at__lte=now + max(KEY_WARNINGS),
        project__active=True,
    ).select_related("project__organization")
    for key in found[:_AT_ONCE]:
        assert key.expires_at is not None  # noqa: S101  # The filter says so.
        left = key.expires_at - now
        days = min(each for each in KEY_WARNINGS if left <= each).days
        yield Finding(
            News(
                topic=Topic.KEY.value,
                once=f"key:{key.pk}:{key.expires_at:%Y-%m-%dT%H:%M:%S}:{days}",
                title=f"{key.project}: the key {key.prefix}… expires within {days} d",
                text=(
                    f"{key.name}, on {key.expires_at:%Y-%m-%d %H:%M} UTC. Rotate it, so "
                    "that both keys work for a time."
                ),
                link=reverse("admin:tenants_apikey_change", args=[key.pk]),
                facts={"key": key.prefix, "days": days},
            ),
            project=key.project,
        )


RULES: tuple[Callable[[], Iterator[Finding]], ...] = (
    budgets_that_end,
    credentials_in_quarantine,
    providers_that_are_down,
    keys_that_expire,
)
