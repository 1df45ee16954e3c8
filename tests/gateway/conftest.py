"""A live gateway between official clients and a simulated provider."""

import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from uuid import UUID

import httpx
import openai
import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from catalog.models import AIModel, Alias, Provider
from config.logs import line_formatter
from gateway.simulator import Simulator
from gateway.upstream import streams, transport
from tenants.models import ApiKey, Project
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProjectFactory,
    ProviderFactory,
)
from tests.gateway.kept import KeptGateway
from tests.gateway.live import LiveGateway, wait_until
from usage.models import UsageEvent

CREDENTIAL = "sk-upstream-credential-of-the-platform"


@pytest.fixture(scope="session")
def running_upstream(kept_upstream: Simulator) -> Simulator:
    return kept_upstream


@pytest.fixture
def upstream(running_upstream: Simulator) -> Simulator:
    """The provider, without calls and settings of earlier tests."""
    running_upstream.reset()
    return running_upstream


@pytest.fixture(scope="module")
def running_gateway(kept_gateway: KeptGateway) -> LiveGateway:
    return kept_gateway.running()


@pytest.fixture(scope="module")
def own_gateway(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[LiveGateway]:
    """A gateway of the file's own, for what is decided when it starts."""
    own = KeptGateway(partial(tmp_path_factory.mktemp, "spool"), django_db_blocker)
    yield own.running()
    own.end()


@pytest.fixture
def live(running_gateway: LiveGateway, transactional_db: None) -> Iterator[LiveGateway]:
    """The gateway, which must have nothing left to do when the test is over."""
    yield running_gateway
    running_gateway.assert_nothing_is_left()


@pytest.fixture
def accounted(
    live: LiveGateway, upstream: Simulator, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """What must hold after a fault as well, besides that `live` has nothing left to do.

    Every attempt that the provider bills is one settled event, no money of a budget is
    held for a request, and neither what was asked nor a credential is in a log.
    """
    caplog.set_level(logging.INFO)
    yield
    live.assert_nothing_is_left()
    statuses = dict(UsageEvent.objects.values_list("id", "status"))
    billed = [statuses.get(UUID(str(c.id))) for c in upstream.calls if c.is_billable]
    assert not {None, "unsettled"} & {*billed}
    escrow = live.gateway.escrow
    assert escrow is not None
    wait_until(lambda: not sum(each.reserved for each in escrow.holdings))
    lines = line_formatter()
    said = "\n".join(
        lines.format(record)
        for record in caplog.get_records("call")
        # The test's own clients may tell what they were answered.
        if not record.name.startswith(("httpx", "httpcore", "openai"))
    )
    for secret in ("Hello there", CREDENTIAL):
        assert secret not in said


@pytest.fixture
def provider(transactional_db: None, upstream: Simulator) -> Provider:
    """The simulator as a provider, with a credential of the platform."""
    # A gateway reads the whole catalog for every change: what belongs together is one.
    with transaction.atomic():
        provider = ProviderFactory.create(
            slug="sim", base_url=upstream.url, allow_private_addresses=True
        )
        EndpointFactory.create(provider=provider)
        CredentialFactory.create(provider=provider, value=CREDENTIAL)
    return provider


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory.create(slug="acorn")


@pytest.fixture
def other_project(transactional_db: None) -> Project:
    """A tenant whose data must never appear in `project`'s answers."""
    return ProjectFactory.create(slug="birch")


Offer = Callable[..., Alias]


@pytest.fixture
def offer(live: LiveGateway, provider: Provider) -> Offer:
    """Put models of the simulator behind an alias, in this order, and wait for it."""

    def put(*model_ids: str, name: str = "fast", **fields: object) -> Alias:
        with transaction.atomic():
            alias = AliasFactory.create(name=name, **fields)
            for priority, model_id in enumerate(model_ids, start=1):
                model = offered_model(provider, model_id)
                AliasTargetFactory.create(alias=alias, model=model, priority=priority)
        live.caught_up()
        return alias

    return put


def offered_model(provider: Provider, model_id: str) -> AIModel:
    """Return a model of that name, with a price of 1 and 2 USD per million tokens."""
    found: AIModel | None = AIModel.objects.filter(
        provider=provider, model_id=model_id
    ).first()
    if found is not None:
        return found
    with transaction.atomic():
        model: AIModel = AIModelFactory.create(provider=provider, model_id=model_id)
        for component, usd in (("input", "1.00"), ("output", "2.00")):
            PriceFactory.create(
                model=model, component=component, per_million=Decimal(usd)
            )
    return model


@pytest.fixture
def key(project: Project) -> str:
    _, text = ApiKey.issue(project, "test")
    return text


@pytest.fixture
def client(live: LiveGateway, key: str) -> Iterator[openai.OpenAI]:
    """OpenAI's own client; nothing but the address and the key is different."""
    with client_for(live, key) as client:
        yield client


def client_for(live: LiveGateway, key: str, *, max_retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{live.url}/v1", api_key=key, max_retries=max_retries
    )


@pytest.fixture
def http(live: LiveGateway, key: str) -> Iterator[httpx.Client]:
    """A plain HTTP client that presents the key."""
    headers = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=live.url, headers=headers, timeout=10) as http:
        yield http


@pytest.fixture
def impatient(provider: Provider) -> Provider:
    """The provider, which is not waited for very long."""
    Provider.objects.update(
        connect_timeout_s=0.2,
        first_byte_timeout_s=0.2,
        idle_timeout_s=0.2,
        total_timeout_s=0.6,
    )
    return provider


@pytest.fixture
def small_caps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers may be 400 kB long, and their events 100 kB."""
    monkeypatch.setattr(streams, "MAX_RESPONSE_BYTES", 400_000)
    monkeypatch.setattr(streams, "MAX_EVENT_BYTES", 100_000)
    monkeypatch.setattr(transport, "MAX_RESPONSE_BYTES", 400_000)
    monkeypatch.setattr(transport.UpstreamCall.read, "__defaults__", (400_000,))
