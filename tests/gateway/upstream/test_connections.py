"""How long a request waits for a connection."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio

from gateway.simulator import serve
from gateway.upstream.connections import SCOUTS, Connections, HastyTimeout

OWN = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
HASTY = HastyTimeout(total=None, sock_connect=5.0)


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[Connections]:
    """A pool that took a millisecond to connect lately."""
    made = Connections(limit=0)
    made.usual_s = 0.001
    yield made
    await made.close()


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where connections are never accepted."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(address)
        yield f"http://{address[0]}:{address[1]}"
        for other in others:
            other.close()


@pytest.mark.asyncio
async def test_as_a_rule_it_is_the_providers_own_timeout(pool: Connections) -> None:
    assert pool.timeout_now(OWN) is OWN


@pytest.mark.asyncio
async def test_who_comes_after_those_who_wait_does_not_wait_long(
    pool: Connections,
) -> None:
    pool.connecting = SCOUTS

    hasty = pool.timeout_now(OWN)

    assert isinstance(hasty, HastyTimeout)
    assert hasty.sock_connect == 5.0


@pytest.mark.asyncio
async def test_a_provider_that_is_far_away_is_waited_for_longer(
    pool: Connections, deaf: str
) -> None:
    pool.usual_s = 0.1
    async with aiohttp.ClientSession(connector=pool, connector_owner=False) as http:
        began = time.monotonic()
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await http.get(deaf, timeout=HASTY)

    assert 0.8 <= time.monotonic() - began < 3


@pytest.mark.asyncio
async def test_nothing_is_given_up_early_before_it_is_known_how_long_it_takes() -> None:
    pool = Connections(limit=0)
    pool.connecting = 10

    assert pool.timeout_now(OWN) is OWN
    await pool.close()


@pytest.mark.asyncio
async def test_what_was_waited_for_in_vain_is_not_waited_for_again_for_a_while(
    pool: Connections, deaf: str
) -> None:
    async with aiohttp.ClientSession(connector=pool, connector_owner=False) as http:
        brief = aiohttp.ClientTimeout(total=None, sock_connect=0.1)
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await http.get(deaf, timeout=brief)
        hasty = pool.timeout_now(OWN)
        began = time.monotonic()
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await http.get(deaf, timeout=hasty)

    assert isinstance(hasty, HastyTimeout)
    assert time.monotonic() - began < 2


@pytest.mark.asyncio
async def test_while_others_get_connections_nobody_gives_up(
    pool: Connections, deaf: str
) -> None:
    async with aiohttp.ClientSession(connector=pool, connector_owner=False) as http:
        asked = asyncio.create_task(http.get(deaf, timeout=HASTY).__aenter__())
        for _ in range(20):
            await asyncio.sleep(0.02)
            # As if another one had come about.
            pool._made_at = time.monotonic()
        was_given_up = asked.done()
        with pytest.raises(aiohttp.ConnectionTimeoutError):
            await asked

    assert not was_given_up


@pytest.mark.asyncio
async def test_a_connection_that_comes_about_ends_the_doubt(pool: Connections) -> None:
    pool._nobody_waits_until = time.monotonic() + 60
    with serve() as simulator:
        async with aiohttp.ClientSession(connector=pool, connector_owner=False) as http:
            await http.get(f"{simulator.url}/v1/models")

    assert pool.timeout_now(OWN) is OWN
    assert 0 < pool.usual_s < 1
