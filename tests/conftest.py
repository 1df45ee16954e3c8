"""Fixtures that every test may use; the servers are started by tests/services.py."""

import gc
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import httpx
import httpx2
import pytest
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from gateway.simulator import Simulator, serve
from tenants.models import Project
from tests import emptying
from tests.factories import ProjectFactory
from tests.gateway.kept import KeptGateway
from tests.sharing_out import rank_of

emptying.install()
# Reading all certificates that are trusted takes every new client a while.
for library in (httpx, httpx2):
    transports: Any = library._transports.default
    transports.create_ssl_context = cache(library.create_ssl_context)

# A busy machine is slow at making examples up, too. Each run makes up others.
settings.register_profile(
    "patient",
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")


def pytest_collection_finish() -> None:
    """Let the collector look no more at what stays until the end."""
    gc.collect()
    gc.freeze()
    gc.collect()
    gc.set_threshold(20_000, 10, 10)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    yield
    emptying.close()


@pytest.fixture
def project(db: None) -> Project:
    return ProjectFactory.create(slug="acorn")


@pytest.fixture
def other_project(db: None) -> Project:
    """A tenant whose data must never appear in `project`'s answers."""
    return ProjectFactory.create(slug="birch")


@pytest.fixture(scope="session")
def kept_upstream() -> Iterator[Simulator]:
    with serve(any_model=True) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def kept_gateway(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    kept_upstream: Simulator,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[KeptGateway]:
    kept = KeptGateway(partial(tmp_path_factory.mktemp, "spool"), django_db_blocker)
    request.config.stash[KEPT] = kept
    yield kept
    kept.end()


KEPT = pytest.StashKey[KeptGateway]()
USERS = pytest.StashKey[frozenset[str]]()


def users_of_the_gateway(items: list[pytest.Item]) -> frozenset[str]:
    """Return the files that use the gateway which is kept."""
    return frozenset(
        str(item.path)
        for item in items
        if "kept_gateway" in getattr(item, "fixturenames", ())
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Let files that use the gateway follow one another."""
    users = config.stash[USERS] = users_of_the_gateway(items)
    items.sort(key=lambda item: (rank_of(item.nodeid), str(item.path) not in users))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """End the gateway before a file that has no use for it."""
    stash = item.config.stash
    if KEPT in stash and str(item.path) not in stash[USERS]:
        stash[KEPT].end()
