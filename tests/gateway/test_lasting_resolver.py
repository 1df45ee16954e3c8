"""Names that cannot be resolved for a while; U3."""

import asyncio
import socket
from typing import Any

import pytest

from gateway.upstream import addresses
from gateway.upstream.addresses import LastingResolver, PublicResolver
from tenants.addresses import AddressRefused

NAME = "api.provider.example"


class Names:
    """What the system's resolver says."""

    def __init__(self) -> None:
        self.answer: str | int = "8.8.8.8"

    def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        if isinstance(self.answer, int):
            raise socket.gaierror(self.answer, "no")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.answer, 443))]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    names = Names()
    monkeypatch.setattr(socket, "getaddrinfo", names.getaddrinfo)
    return names


async def hosts(resolver: Any) -> list[str]:
    return [entry["host"] for entry in await resolver.resolve(NAME, 443)]


def test_a_name_leads_where_it_led_while_it_cannot_be_resolved(names: Names) -> None:
    async def ask() -> None:
        for resolver in (LastingResolver(), PublicResolver()):
            names.answer = "8.8.8.8"
            assert await hosts(resolver) == ["8.8.8.8"]
            names.answer = socket.EAI_AGAIN
            assert await hosts(resolver) == ["8.8.8.8"]
            names.answer = "8.8.4.4"
            assert await hosts(resolver) == ["8.8.4.4"]

    asyncio.run(ask())


def test_a_name_that_does_not_exist_any_more_leads_nowhere(names: Names) -> None:
    async def ask() -> None:
        resolver = LastingResolver()
        await hosts(resolver)
        names.answer = socket.EAI_NONAME
        with pytest.raises(OSError, match="no"):
            await hosts(resolver)

    asyncio.run(ask())


def test_what_was_known_long_ago_or_never_is_not_used(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        names.answer = socket.EAI_AGAIN
        with pytest.raises(OSError, match="no"):
            await hosts(LastingResolver())
        resolver = LastingResolver()
        names.answer = "8.8.8.8"
        await hosts(resolver)
        monkeypatch.setattr(addresses, "_KNOWN_S", -1.0)
        names.answer = socket.EAI_AGAIN
        with pytest.raises(OSError, match="no"):
            await hosts(resolver)

    asyncio.run(ask())


def test_an_address_inside_is_refused_though_the_name_led_outside(names: Names) -> None:
    async def ask() -> None:
        resolver = PublicResolver()
        await hosts(resolver)
        names.answer = "10.0.0.1"
        with pytest.raises(AddressRefused):
            await hosts(resolver)

    asyncio.run(ask())


def test_only_so_many_names_are_remembered(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_MAX_KNOWN", 5)

    async def ask() -> int:
        resolver = LastingResolver()
        for number in range(20):
            await resolver.resolve(f"{number}.example", 443)
        return len(resolver._known)

    assert asyncio.run(ask()) <= 5
