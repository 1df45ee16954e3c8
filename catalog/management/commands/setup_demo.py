import json
import os
import secrets
from typing import Any

import pghistory
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import transaction

from tenants.models import ApiKey, Limit, Organization, Project

ADMIN = "admin"
PROJECT = "demo"
KEY_NAME = "first key"
TASK_ROUTES = {
    "code": "smart",
    "creative": "smart",
    "fast": "fast",
    "analysis": "smart",
}
LIMITS = (
    (Limit.Metric.REQUESTS, 600, Limit.Per.MINUTE),
    (Limit.Metric.TOKENS, 1_000_000, Limit.Per.MINUTE),
    (Limit.Metric.CONCURRENCY, 50, ""),
)


class Command(BaseCommand):
    help = (
        "Make the first superuser, the project `demo` and a key for it, as far as they "
        "are missing, and print one JSON object. Secrets stand in it only when they "
        "have just been made."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with pghistory.context(actor="setup_demo"), transaction.atomic():
            report = {**_admin(), **_demo()}
        self.stdout.write(json.dumps(report))


def _admin() -> dict[str, Any]:
    users = User.objects
    report: dict[str, Any] = {"admin_user": ADMIN, "admin_created": False}
    if not users.filter(username=ADMIN).exists():
        password = os.environ.get("SIGNALBOX_ADMIN_PASSWORD") or secrets.token_urlsafe(
            12
        )
        users.create_superuser(username=ADMIN, email="", password=password)
        report |= {"admin_created": True, "admin_password": password}
    return report


def _demo() -> dict[str, Any]:
    project = Project.objects.filter(slug=PROJECT).first() or _new_project()
    keys = ApiKey.objects.for_project(project)
    key = next((key for key in keys if key.status == "active"), None)
    report: dict[str, Any] = {"project": PROJECT}
    # Where every key has been revoked or has expired, a start makes no new one.
    if key is None and not keys.exists():
        key, report["key"] = ApiKey.issue(project, KEY_NAME)
    report["key_prefix"] = key.prefix if key is not None else ""
    return report


def _new_project() -> Project:
    organization, _ = Organization.objects.get_or_create(
        slug="default", defaults={"name": "Default"}
    )
    project = Project.objects.create(
        organization=organization,
        slug=PROJECT,
        name="Demo",
        default_alias="fast",
        task_routes=TASK_ROUTES,
    )
    for metric, amount, per in LIMITS:
        Limit.objects.create(project=project, metric=metric, amount=amount, per=per)
    return project
