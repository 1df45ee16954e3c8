"""Times roll-ups, the rules of alerts, pages and answers, one after another."""

import logging
import os
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tenants.models import ApiKey, Project
from tests.benchmarks.usage_at_scale import events
from tests.benchmarks.usage_at_scale.seeding import ADMIN
from usage.alerts import watching
from usage.alerts.rules import KINDS
from usage.days import end_of, start_of, today
from usage.models import AlertRule, UsageEvent
from usage.rollups import roll_up_day

_ROUNDS = 5
_PAGES = (
    "/admin/?days=1",
    "/admin/?days=7",
    "/admin/?days=30",
    "/admin/?days=90",
    "/admin/?days=90&organization=org-0",
    "/admin/projects/p0/",
    "/admin/projects/p0/?days=30",
    "/admin/projects/p0/?days=90",
    "/admin/quality/?days=7",
    "/admin/quality/?days=90",
    "/admin/playground/",
    "/admin/requests/{oldest}/",
    "/admin/requests/{newest}/",
    "/admin/requests/{unknown}/",
    "/admin/usage/usageevent/",
    "/admin/usage/usageevent/?p=200",
    "/admin/usage/usageevent/?q={oldest}",
    "/admin/usage/usageevent/?q=user-17",
    "/admin/usage/usageevent/?status=error",
    "/admin/usage/usageevent/?model=model-3",
    "/admin/usage/usageevent/?project__id__exact={project}",
    "/admin/usage/usageevent/?project__id__exact={project}&q=user-17",
    "/admin/usage/usageevent/{event}/change/",
    "/admin/usage/hourlyusage/?period=1",
    "/admin/usage/hourlyusage/?period=7",
    "/admin/usage/hourlyusage/?period=30",
    "/admin/usage/hourlyusage/?period=7&project__id__exact={project}",
    "/admin/usage/hourlyusage/?period=all&p=1000",
    "/admin/usage/dailyusage/?period=30",
    "/admin/usage/dailyusage/?period=90",
    "/admin/usage/dailyusage/?period=90&status=error",
)
_QUESTIONS = (
    "",
    "?granularity=hour",
    "?granularity=day&groupBy=model",
    "?groupBy=model,apiKey",
    "?groupBy=endUser",
    "?granularity=day&endUser=user-17",
    "?endUser=user-17&groupBy=endUser,model",
)


def time_all(only: list[str]) -> None:
    def is_wanted(name: str) -> bool:
        return not only or any(part in name for part in only)

    # That nobody knows a request is no news here.
    logging.getLogger("django.request").setLevel(logging.ERROR)
    print(f"load average {os.getloadavg()[0]:.1f}")
    for name, work, rounds in (*_pages(), *_answers(), *_rules(), *_roll_ups()):
        if is_wanted(name):
            first, *taken = (_seconds(work) for _ in range(1 + rounds))
            _tell(name, first, taken or [first])
    print(f"load average {os.getloadavg()[0]:.1f}")


# What it is called, what to do, and how often after the first time.
_Work = tuple[str, Callable[[], Any], int]


def _pages() -> Iterator[_Work]:
    ends = UsageEvent.objects.order_by("occurred_at")
    oldest, newest = ends[0], ends.reverse()[0]
    named = {
        "oldest": oldest.request_id,
        "newest": newest.request_id,
        "unknown": uuid4(),
        "event": oldest.pk,
        "project": Project.objects.get(slug="p0").pk,
    }
    client = Client()
    client.force_login(User.objects.get(username=ADMIN))
    addresses = [page.format(**named) for page in _PAGES]
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
        addresses.append(reverse(name))
    for address in dict.fromkeys(addresses):
        yield address, _get(client, address), _ROUNDS


def _answers() -> Iterator[_Work]:
    _, text = ApiKey.issue(Project.objects.get(slug="p0"), f"asking {uuid4()}")
    client = Client(headers={"authorization": f"Bearer {text}"})
    for question in _QUESTIONS:
        address = f"/api/ai/analytics{question}"
        yield address, _get(client, address), _ROUNDS


def _rules() -> Iterator[_Work]:
    for rule in AlertRule.objects.filter(active=True).order_by("pk"):
        yield f"rule {rule.kind}", partial(_find, rule), _ROUNDS
    yield "all rules", watching.watch, _ROUNDS


def _find(rule: AlertRule) -> None:
    list(KINDS[rule.kind].find(rule))


def _roll_ups() -> Iterator[_Work]:
    yesterday = today() - timedelta(days=1)
    hour = start_of(yesterday) + timedelta(hours=12)

    def anew(begin: Any, end: Any) -> None:
        events.touch(begin, end)
        roll_up_day(yesterday)

    yield (
        "roll-up of an hour and its day",
        lambda: anew(hour, hour + timedelta(hours=1)),
        2,
    )
    yield (
        "roll-up of a day",
        lambda: anew(start_of(yesterday), end_of(yesterday)),
        0,
    )


def _get(client: Client, address: str) -> Callable[[], None]:
    def get() -> None:
        status = client.get(address).status_code
        if status not in {200, 404}:
            print(f"{address} answered {status}")

    return get


def _tell(name: str, first: float, taken: list[float]) -> None:
    median, most = statistics.median(taken), max(taken)
    print(
        f"{name}: {1000 * median:.0f} ms, {1000 * most:.0f} at most, "
        f"{1000 * first:.0f} the first time",
        flush=True,
    )


def _seconds(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
