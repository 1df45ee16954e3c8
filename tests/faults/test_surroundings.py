"""Clocks, letters, requirements and serialisers: what a request rests upon."""

import re
import time
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.contrib.sessions.serializers import JSONSerializer
from django.utils.module_loading import import_string

from config.embedded import CHECKOUT
from tenants.models import Project
from tests.factories import LimitFactory
from tests.faults.asking import ask
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

_HOUR = 3_600
_READS_OBJECTS = re.compile(
    r"\b(pickle|marshal|shelve|dill)\b|yaml\.(unsafe_)?load\(|\beval\(|\bexec\("
)
APPS = ("config", "gateway", "tenants", "catalog", "usage", "workflows")


def test_a_clock_that_is_set_back_changes_no_duration_s8(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer("sim-chat-latency-200")
    real, jumped = time.time, time.monotonic() + 0.1

    def now() -> float:
        """Go back by an hour in the middle of the request."""
        return real() - (_HOUR if time.monotonic() > jumped else 0)

    with monkeypatch.context() as patched:
        patched.setattr(time, "time", now)
        response = ask(http)

    assert response.status_code == 200
    (event,) = live.events(project)
    assert event.latency_ms is not None
    assert 150 < event.latency_ms < 60_000


@pytest.mark.parametrize("hours", [2, -2])
def test_clocks_that_differ_do_not_move_a_limit_s8(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
) -> None:
    offer("sim-chat")
    LimitFactory.create(project=project, metric="requests", amount=1, per="hour")
    live.caught_up()
    real = time.time

    first = ask(http)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: real() + hours * _HOUR)
        second = ask(http)

    assert (first.status_code, second.status_code) == (200, 429)
    assert 0 < int(second.headers["retry-after"]) <= _HOUR


def test_a_letter_that_no_table_takes_does_no_harm_c9(
    live: LiveGateway, http: httpx.Client, offer: Offer, project: Project
) -> None:
    offer("sim-chat")

    response = ask(http, user="a\0b")

    assert response.status_code == 200
    (event,) = live.events(project)
    assert "\0" not in event.end_user


def test_every_requirement_is_pinned_with_its_hash_a14() -> None:
    for file in (CHECKOUT / "requirements").glob("*.txt"):
        text = re.sub(r"\\\n", " ", file.read_text())
        lines = [line for line in text.splitlines() if line.strip()]
        wanted = [line for line in lines if not line.lstrip().startswith("#")]

        assert wanted
        for line in wanted:
            assert re.match(r"\S+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


def test_nothing_that_is_read_back_can_run_a17() -> None:
    assert settings.CELERY_ACCEPT_CONTENT == ["json"]
    assert settings.CELERY_TASK_SERIALIZER == "json"
    assert import_string(settings.SESSION_SERIALIZER) is JSONSerializer
    sources = [file for app in APPS for file in (CHECKOUT / app).rglob("*.py")]

    assert len(sources) > 300
    assert [str(file) for file in sources if _reads_objects(file)] == []


def _reads_objects(file: Path) -> bool:
    # A comment or a string may speak of it; a line of code that does so is not one.
    lines = file.read_text().splitlines()
    return any(
        _READS_OBJECTS.search(line)
        for line in lines
        if not line.lstrip().startswith("#")
    )
