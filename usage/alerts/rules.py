"""The kinds of rules: how each finds its news, and what these are about."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from django.db import connections

from usage.alerts import rows, traffic
from usage.alerts.findings import Finding
from usage.models import AlertKind, AlertRule, Topic


class Kind(NamedTuple):
    find: Callable[[AlertRule], Iterator[Finding]]
    topic: Topic


KINDS: Mapping[str, Kind] = {
    AlertKind.BUDGET: Kind(rows.budgets_that_end, Topic.BUDGET),
    AlertKind.FORECAST: Kind(rows.budgets_that_will_not_last, Topic.BUDGET),
    AlertKind.ERRORS: Kind(traffic.error_rates, Topic.USAGE),
    AlertKind.LATENCY: Kind(traffic.slow_models, Topic.USAGE),
    AlertKind.SPEND: Kind(traffic.unusual_spend, Topic.USAGE),
    AlertKind.CREDENTIAL: Kind(rows.credentials_in_quarantine, Topic.CREDENTIAL),
    AlertKind.PROVIDER: Kind(rows.providers_that_are_down, Topic.PROVIDER),
    AlertKind.KEY: Kind(rows.keys_that_expire, Topic.KEY),
    AlertKind.PRICE: Kind(traffic.unpriced_models, Topic.CATALOG),
    AlertKind.DEPRECATED: Kind(traffic.models_that_go, Topic.CATALOG),
    AlertKind.APPROVAL: Kind(rows.approvals_that_wait, Topic.APPROVAL),
}


class Ready(NamedTuple):
    """A rule that every installation begins with."""

    kind: AlertKind
    name: str
    threshold: int = 0
    at_least: int = 0
    window_minutes: int = 60


_DAY = 24 * 60
READY: tuple[Ready, ...] = (
    Ready(AlertKind.BUDGET, "Budgets that end"),
    Ready(AlertKind.FORECAST, "Budgets that will not last", 110),
    Ready(AlertKind.ERRORS, "Models that fail", 20, 20, 15),
    Ready(AlertKind.LATENCY, "Models that are slow", 60_000, 20, 15),
    Ready(AlertKind.SPEND, "Spend out of the usual", 6, 5, 4 * 60),
    Ready(AlertKind.CREDENTIAL, "Credentials that are refused"),
    Ready(AlertKind.PROVIDER, "Providers that are down", 3),
    Ready(AlertKind.KEY, "Keys that expire", 7),
    Ready(AlertKind.PRICE, "Models without a price", window_minutes=_DAY),
    Ready(AlertKind.DEPRECATED, "Models that go", 30, window_minutes=7 * _DAY),
    Ready(AlertKind.APPROVAL, "Approvals that wait", 60),
)


def is_installed(using: str) -> bool:
    """Tell whether the table of the rules exists in this database."""
    tables = connections[using].introspection.table_names()
    return AlertRule._meta.db_table in tables


def make_ready_rules() -> None:
    """Add the rules that are missing; those that exist are the operator's."""
    known = set(AlertRule.objects.filter(ready__isnull=False).values_list("ready"))
    AlertRule.objects.bulk_create(
        (
            AlertRule(
                ready=rule.kind.value,
                kind=rule.kind.value,
                name=rule.name,
                threshold=Decimal(rule.threshold),
                at_least=Decimal(rule.at_least),
                window_minutes=rule.window_minutes,
            )
            for rule in READY
            if (rule.kind.value,) not in known
        ),
        ignore_conflicts=True,
    )
