"""What the pages show: events with their sums, and rows of everything else in plenty."""

import time
from datetime import timedelta
from decimal import Decimal
from random import Random
from uuid import uuid4

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.utils import timezone

from catalog.models import Provider, ProviderCheck
from tenants.models import ApiKey, Approval, Budget, Organization, Project
from tests.benchmarks.usage_at_scale import events
from tests.factories import ProviderFactory
from usage.days import start_of, today
from usage.models import (
    Alert,
    AlertKind,
    AlertRule,
    BudgetWindow,
    Feedback,
    Notification,
    ReportDefinition,
    ReportRun,
)
from usage.models.budget_window import NANO
from usage.rollups import roll_up

PROJECTS = 20
ADMIN = "bench"
_ORGANIZATIONS = 4
_END_USERS = 5_000
_ALERTS = 50_000
_FEEDBACK = 100_000
_APPROVALS = 20_000
_LOG = 100_000
_REPORT = "<p>A line of a report.</p>" * 100
_AT_ONCE = 2_000


def seed(count: int) -> None:
    """Make what is missing; what a kept database has stays."""
    if not User.objects.filter(username=ADMIN).exists():
        _make_rows()
    if not Provider.objects.filter(slug="provider-0").exists():
        _make_providers()
    projects = list(Project.objects.filter(slug__regex=r"^p\d+$").order_by("pk"))
    events.fill(projects, count // events.DAYS)
    began = time.monotonic()
    hours = roll_up()
    print(f"rolled up {hours} hours in {time.monotonic() - began:.0f} s", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


@transaction.atomic
def _make_rows() -> None:
    organizations = [
        Organization.objects.create(slug=f"org-{n}", name=f"Organization {n}")
        for n in range(_ORGANIZATIONS)
    ]
    projects = [
        Project.objects.create(
            slug=f"p{n}", name=f"Project {n}", organization=organizations[n % 4]
        )
        for n in range(PROJECTS)
    ]
    for project in projects:
        for n in range(events.KEYS):
            ApiKey.issue(project, f"key {n}")
    random = Random(1)
    _make_budgets(projects, random)
    _make_alerts(projects, random)
    _make_reports(organizations)
    _make_feedback(projects, random)
    _make_approvals(projects, random)
    _make_log(projects, User.objects.create_superuser(ADMIN))


@transaction.atomic
def _make_providers() -> None:
    """Make those that the events name, and their checks of a week."""
    now = timezone.now()
    for n in range(events.PROVIDERS):
        provider = ProviderFactory.create(slug=f"provider-{n}", name=f"Provider {n}")
        ProviderCheck.objects.bulk_create(
            ProviderCheck(
                provider=provider,
                status=ProviderCheck.Status.OK,
                latency_ms=50,
                checked_at=now - timedelta(minutes=minutes),
            )
            for minutes in range(7 * 24 * 60)
        )


def _make_budgets(projects: list[Project], random: Random) -> None:
    """Make a budget of each project, and one of each end user of the first by day."""
    begin = start_of(today().replace(day=1))
    end = start_of((today().replace(day=1) + timedelta(days=31)).replace(day=1))
    for project in projects:
        budget = Budget.objects.create(project=project, amount_usd=Decimal(5000))
        BudgetWindow.objects.create(
            budget=budget,
            starts_at=begin,
            ends_at=end,
            spent_nano=random.randrange(5500 * NANO),
        )
    each = Budget.objects.create(
        project=projects[0], each_end_user=True, per="day", amount_usd=Decimal(1)
    )
    days = [start_of(today() - timedelta(days=n)) for n in range(events.DAYS)]
    BudgetWindow.objects.bulk_create(
        (
            BudgetWindow(
                budget=each,
                subject=f"user-{n}",
                starts_at=day,
                ends_at=day + timedelta(days=1),
                spent_nano=random.randrange(NANO),
            )
            for day in days
            for n in range(_END_USERS)
        ),
        batch_size=_AT_ONCE,
    )


def _make_alerts(projects: list[Project], random: Random) -> None:
    rule = AlertRule.objects.filter(kind=AlertKind.ERRORS).first()
    notifications = [
        Notification(
            topic="usage",
            organization_id=project.organization_id,
            project=project,
            once=f"bench:{n}",
            title=f"model-{n % 6}: {n % 100} % of attempts fail",
        )
        for n in range(_ALERTS)
        for project in [random.choice(projects)]
    ]
    Notification.objects.bulk_create(notifications, batch_size=_AT_ONCE)
    Alert.objects.bulk_create(
        (
            Alert(
                rule=rule,
                kind=AlertKind.ERRORS,
                organization_id=each.organization_id,
                project_id=each.project_id,
                subject=f"provider-0/model-{n % 6}",
                once=each.once,
                title=each.title,
                notification=each,
            )
            for n, each in enumerate(notifications)
        ),
        batch_size=_AT_ONCE,
    )
    for table in ("usage_alert", "usage_notification"):
        _spread(table, "created_at")


def _make_reports(organizations: list[Organization]) -> None:
    for organization in organizations:
        for name in range(5):
            definition = ReportDefinition.objects.create(
                organization=organization, name=f"Report {name}", period="day"
            )
            ReportRun.objects.bulk_create(
                ReportRun(
                    definition=definition,
                    organization=organization,
                    period=f"{day}",
                    begins_at=start_of(day),
                    ends_at=start_of(day) + timedelta(days=1),
                    next_attempt_at=timezone.now(),
                    rendered_at=timezone.now(),
                    sent_at=timezone.now(),
                    state=ReportRun.State.SENT,
                    html=_REPORT,
                )
                for n in range(1, 400)
                for day in [today() - timedelta(days=n)]
            )


def _make_feedback(projects: list[Project], random: Random) -> None:
    now = timezone.now()
    Feedback.objects.bulk_create(
        (
            Feedback(
                project=random.choice(projects),
                request_id=uuid4(),
                end_user=f"user-{random.randrange(_END_USERS)}",
                score=random.random(),
                operation="chat",
                alias=f"alias-{n % 3}",
                provider=f"provider-{n % 3}",
                model=f"model-{n % 6}",
                feature=f"feature-{n % 4}",
                occurred_at=now - timedelta(minutes=random.randrange(30 * 1440)),
            )
            for n in range(_FEEDBACK)
        ),
        batch_size=_AT_ONCE,
    )


def _make_approvals(projects: list[Project], random: Random) -> None:
    later = timezone.now() + timedelta(days=10)
    Approval.objects.bulk_create(
        (
            Approval(
                project=random.choice(projects),
                model=f"model-{n % 6}",
                digest=n.to_bytes(32, "big"),
                estimate_usd=Decimal(2),
                threshold_usd=Decimal(1),
                state=Approval.State.USED if n % 100 else Approval.State.PENDING,
                expires_at=later,
            )
            for n in range(_APPROVALS)
        ),
        batch_size=_AT_ONCE,
    )
    _spread("tenants_approval", "requested_at")


def _make_log(projects: list[Project], user: User) -> None:
    kind = ContentType.objects.get_for_model(Project)
    LogEntry.objects.bulk_create(
        (
            LogEntry(
                user=user,
                content_type=kind,
                object_id=str(projects[n % PROJECTS].pk),
                object_repr=projects[n % PROJECTS].slug,
                action_flag=CHANGE,
                change_message=(
                    f"Playground run {uuid4()}: openai_chat chat, alias-0"
                    if n % 100 == 0
                    else '[{"changed": {"fields": ["Name"]}}]'
                ),
            )
            for n in range(_LOG)
        ),
        batch_size=_AT_ONCE,
    )
    _spread("django_admin_log", "action_time")


def _spread(table: str, column: str) -> None:
    """Let the rows be of the last 30 days, the later made the newer."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {table} SET {column} = now() - interval '30 days' * n FROM "
            f"(SELECT ctid AS place, 1 - percent_rank() OVER (ORDER BY {column}) AS n "
            f"FROM {table}) AS ranked WHERE ctid = place"
        )
