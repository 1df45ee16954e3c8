"""A live gateway, a workshop beside it in the same process, and a simulated provider."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from django.db import connection, transaction
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from catalog.models import Alias, Provider
from gateway import opening
from gateway.cache.questions import AnswerCache
from gateway.limits.limiter import Limiter
from tests.gateway.conftest import (  # noqa: F401
    Offer,
    http,
    key,
    live,
    offer,
    offered_model,
    other_project,
    project,
    provider,
    running_gateway,
    running_upstream,
    upstream,
)
from tests.gateway.live import LiveGateway, wait_until
from workflows import contents
from workflows.engine import own_workshop
from workflows.engine import workshop as workshop_module
from workflows.engine.workshop import Workshop

_PATIENT_S = 5.0

# Besides sim-chat, which is `fast`.
MODELS = ("sim-fault-500", "sim-fault-400", "sim-chat-latency-3000")

Run = Callable[..., dict[str, Any]]


_may_look = threading.Event()
_looks_not = threading.Event()
_look = Workshop._look


async def _look_during_tests(workshop: Workshop) -> None:
    _looks_not.clear()
    try:
        if _may_look.is_set():
            await _look(workshop)
    finally:
        _looks_not.set()


@pytest.fixture(scope="module")
def running_workshop(
    tmp_path_factory: pytest.TempPathFactory,
    running_gateway: LiveGateway,  # noqa: F811
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Workshop]:
    connection.close()
    made = Workshop()
    with (
        django_db_blocker.unblock(),
        override_settings(SPOOL_DIR=tmp_path_factory.mktemp("worker-spool")),
        patch.object(opening, "Limiter", partial(Limiter, answer_s=_PATIENT_S)),
        patch.object(opening, "AnswerCache", partial(AnswerCache, answer_s=_PATIENT_S)),
        patch.object(workshop_module, "_LOOK_S", 0.2),
        patch.object(Workshop, "_look", _look_during_tests),
    ):
        made.start()
        with patch.object(own_workshop, "_workshop", made):
            yield made
        made.stop(1.0)
    connection.close()


@pytest.fixture
def workshop(
    running_workshop: Workshop,
    live: LiveGateway,  # noqa: F811
) -> Iterator[Workshop]:
    """The workshop, which must have no run in hand when the test is over."""
    contents.forget_keys()
    _may_look.set()
    yield running_workshop
    wait_until(lambda: not running_workshop._drivers)
    # Emptying all tables and reading two of them would wait for one another.
    _may_look.clear()
    assert _looks_not.wait(5)
    contents.forget_keys()


@pytest.fixture
def fast(
    provider: Provider,  # noqa: F811
    offer: Offer,  # noqa: F811
    workshop: Workshop,
) -> Alias:
    """The alias of the default model; the workshop knows of it as well."""
    with transaction.atomic():
        for name in MODELS:
            offered_model(provider, name)
    alias = offer("sim-chat")
    caught_up(workshop)
    return alias


@pytest.fixture
def run(fast: Alias, http: httpx.Client) -> Run:  # noqa: F811
    """Run these steps, wait for the end, and return what the API says of the run."""

    def send(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
        body = {
            "workflow": {
                "name": "test",
                "steps": list(steps),
                **fields.pop("definition", {}),
            },
            "wait": True,
            **fields,
        }
        answer = http.post("/api/workflows/run", json=body, timeout=70)
        assert answer.status_code in {200, 202}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return send


def caught_up(workshop: Workshop) -> None:
    """Wait until the workshop serves from what is in the database now."""
    from gateway.configuration.catalog_loading import newest_version

    newest = newest_version()
    gateway = workshop._gateway.gateway
    assert gateway is not None
    snapshot = gateway.snapshot
    wait_until(lambda: snapshot.version >= newest and not snapshot._reloads.is_pending)


def steps_of(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {step["id"]: step for step in run["steps"]}


def generate(step_id: str, prompt: str = "Hello.", **fields: Any) -> dict[str, Any]:
    return {
        "id": step_id,
        "action": "generate",
        "model": fields.pop("model", "fast"),
        "input": {"prompt": prompt, **fields.pop("input", {})},
        **fields,
    }


def transform(step_id: str, value: Any = "x", **fields: Any) -> dict[str, Any]:
    return {"id": step_id, "action": "transform", "input": {"from": value}, **fields}
