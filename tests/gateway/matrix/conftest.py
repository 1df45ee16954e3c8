"""One gateway and one set of rows for all cells."""

from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker

from gateway.simulator import Simulator
from tenants.models import ApiKey
from tests import emptying
from tests.factories import ProjectFactory
from tests.gateway.live import LiveGateway
from tests.gateway.matrix.asking import Client
from tests.gateway.matrix.clients import CLIENTS
from tests.gateway.matrix.providers import offer_all

Clients = dict[str, Client]


@pytest.fixture(scope="module")
def matrix(
    running_gateway: LiveGateway,
    running_upstream: Simulator,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Clients]:
    """Every client, with a key, in front of every provider."""
    with django_db_blocker.unblock():
        running_upstream.reset()
        offer_all(running_upstream.url)
        uncached = ProjectFactory.create(
            slug="acorn", cache={"enabled": False, "ttl_s": 86400}
        )
        _, key = ApiKey.issue(uncached, "test")
        running_gateway.caught_up()
        clients = {
            name: made(running_gateway.url, key) for name, made in CLIENTS.items()
        }
        try:
            yield clients
            for client in clients.values():
                client.close()
            running_gateway.assert_nothing_is_left()
        finally:
            emptying.empty()


@pytest.fixture
def clients(
    matrix: Clients, running_gateway: LiveGateway, upstream: Simulator
) -> Clients:
    """The clients, before a gateway that remembers no failure of another cell."""
    running_gateway.gateway.standings._standings.clear()
    return matrix
