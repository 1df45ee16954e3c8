"""A second gateway, with nothing in common with the first but the servers."""

from collections.abc import Iterator

import pytest
from django.db import connection
from pytest_django import DjangoDbBlocker

from tests.gateway.live import LiveGateway


@pytest.fixture(scope="module")
def running_neighbour(
    tmp_path_factory: pytest.TempPathFactory,
    running_gateway: LiveGateway,
    django_db_setup: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[LiveGateway]:
    gateway = LiveGateway(tmp_path_factory.mktemp("spool"))
    with django_db_blocker.unblock(), gateway:
        yield gateway
    connection.close()


@pytest.fixture
def neighbour(
    running_neighbour: LiveGateway, live: LiveGateway
) -> Iterator[LiveGateway]:
    """The second gateway, which must have nothing left to do either."""
    yield running_neighbour
    running_neighbour.assert_nothing_is_left()
