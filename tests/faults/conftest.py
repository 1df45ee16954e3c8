"""A gateway in front of providers that misbehave, and what must hold after each case."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

import pytest
from django.db import transaction

from catalog.models import Provider
from gateway.budgets import escrow, leases
from gateway.simulator import Simulator
from tenants.models import Budget, Project
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    LimitFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.faults.asking import CANARY
from tests.faults.raw_upstream import RawUpstream, Step
from tests.gateway.conftest import (  # noqa: F401
    CREDENTIAL,
    Offer,
    client,
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
    small_caps,
    upstream,
)
from tests.gateway.live import LiveGateway, wait_until
from usage.models import BudgetLease, BudgetWindow, UsageEvent

RAW_CREDENTIAL = "sk-credential-of-the-raw-provider"


@pytest.fixture
def raw(live: LiveGateway) -> Iterator[RawUpstream]:  # noqa: F811
    """A provider over a raw socket, which is not waited for long."""
    with RawUpstream() as raw:
        with transaction.atomic():
            broken = ProviderFactory.create(
                slug="raw",
                base_url=raw.url,
                allow_private_addresses=True,
                connect_timeout_s=1,
                first_byte_timeout_s=0.5,
                idle_timeout_s=0.5,
                total_timeout_s=1.5,
            )
            EndpointFactory.create(provider=broken)
            CredentialFactory.create(provider=broken, value=RAW_CREDENTIAL)
        yield raw


@pytest.fixture
def teach(live: LiveGateway, raw: RawUpstream) -> Callable[..., None]:  # noqa: F811
    """Give that provider models, by their names, and what it plays for each."""

    def teach(plays: Mapping[str, Sequence[Step]]) -> None:
        row = Provider.objects.get(slug="raw")
        with transaction.atomic():
            for model_id, steps in plays.items():
                raw.plays[model_id] = steps
                model = AIModelFactory.create(provider=row, model_id=model_id)
                for component in ("input", "output"):
                    PriceFactory.create(model=model, component=component)
        live.caught_up()

    return teach


@pytest.fixture(autouse=True)
def sound(
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """What holds after every case, whatever happened in it.

    Every attempt that reached a provider is one settled event; nothing stays reserved;
    no task, socket or place of a pool is left over; and neither a prompt nor a
    credential is in a log.
    """
    if "live" not in request.fixturenames:
        yield
        return
    running: LiveGateway = request.getfixturevalue("live")
    tenant: Project = request.getfixturevalue("project")
    secret: str = request.getfixturevalue("key").split("_")[2]
    # Asked for here, so that they are still there afterwards.
    providers = [
        request.getfixturevalue(name)
        for name in ("raw", "upstream")
        if name in request.fixturenames
    ]
    budget = Budget.objects.create(project=tenant, amount_usd=1_000)
    LimitFactory.create(project=tenant, metric="concurrency", amount=50)
    running.caught_up()
    caplog.set_level(logging.INFO)
    # A busy machine is no reason to refuse; that PostgreSQL is slow is tested apart.
    monkeypatch.setattr(escrow, "WAIT_SECONDS", 5.0)
    monkeypatch.setattr(escrow, "_TEND_SECONDS", 0.05)

    yield

    running.assert_nothing_is_left()
    events = list(UsageEvent.objects.for_project(tenant))
    assert all(event.status != "unsettled" for event in events)
    stored = Counter(str(event.id) for event in events)
    heard = [each for heard_by in providers for each in attempts_at(heard_by)]
    assert {each: stored[each] for each in heard} == dict.fromkeys(heard, 1)
    kept = running.gateway.escrow
    assert kept is not None
    wait_until(lambda: not sum(each.reserved for each in kept.holdings))
    booked = sum(int((event.cost_usd or Decimal()).scaleb(9)) for event in events)
    windows = BudgetWindow.objects.filter(budget=budget)
    wait_until(lambda: sum(windows.values_list("spent_nano", flat=True)) == booked)
    # What is held in advance goes back, so that nobody is at the tables any more.
    monkeypatch.setattr(leases, "_IDLE_SECONDS", 0.0)
    wait_until(lambda: not list(kept.holdings))
    wait_until(lambda: not BudgetLease.objects.filter(amount_nano__gt=0).exists())
    said = "\n".join(str(record.__dict__) for record in caplog.get_records("call"))
    for each in (CANARY, CREDENTIAL, RAW_CREDENTIAL, secret):
        assert each not in said


def attempts_at(heard_by: RawUpstream | Simulator) -> list[str]:
    """Return the attempts that a provider heard whole, or began to answer."""
    if isinstance(heard_by, RawUpstream):
        return heard_by.attempts
    return [str(call.id) for call in heard_by.calls if call.is_billable]
