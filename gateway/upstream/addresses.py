"""Which addresses outgoing calls may reach."""

import ipaddress
import socket
import time
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

# Whatever leads to an IPv4 address (mapped, NAT64, …) lies outside of it.
_IPV6_INTERNET = ipaddress.ip_network("2000::/3")
_REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "2002::/16",  # 6to4: leads to any IPv4 address.
        "2001::/32",  # Teredo: likewise.
        "3fff::/20",  # For documentation.
        "100.64.0.0/10",  # Carriers' own networks.
        "192.0.0.0/24",
        "192.88.99.0/24",  # Relays of 6to4.
    )
)


# For so long a name leads where it led, while it cannot be resolved.
_KNOWN_S = 3600.0
_MAX_KNOWN = 1000

_Name = tuple[str, int, socket.AddressFamily]


class AddressRefused(OSError):
    """The name leads to an address that outgoing calls may not reach."""


def is_public(address: str) -> bool:
    """Say whether the address is an ordinary one of the internet."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return (
        parsed.is_global
        and not parsed.is_multicast
        and (parsed.version == 4 or parsed in _IPV6_INTERNET)
        and not any(
            parsed in network
            for network in _REFUSED_NETWORKS
            if network.version == parsed.version
        )
    )


def check_literal(host: str) -> None:
    """Refuse a host that is itself an address outside the internet; names pass."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return
    if not is_public(host.strip("[]")):
        msg = f"{host} is a private address; the provider must allow these first."
        raise AddressRefused(msg)


class LastingResolver(AbstractResolver):
    """Resolves names in a thread; when that fails, they lead where they led before.

    A name that is said not to exist is believed not to.
    """

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or ThreadedResolver()
        self._known: dict[_Name, tuple[float, list[ResolveResult]]] = {}

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        name = (host, port, family)
        try:
            found = await self._resolver.resolve(host, port, family)
        except OSError as error:
            at, known = self._known.get(name, (0.0, []))
            is_too_old = time.monotonic() - at > _KNOWN_S
            if not known or is_too_old or error.errno == socket.EAI_NONAME:
                raise
            return known
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[name] = (time.monotonic(), found)
        return found

    async def close(self) -> None:
        await self._resolver.close()


class PublicResolver(AbstractResolver):
    """Refuses names that lead to a private address."""

    def __init__(self) -> None:
        self._resolver = LastingResolver()

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        if not all(is_public(entry["host"]) for entry in found):
            msg = f"{host} leads to a private address; the provider must allow these."
            raise AddressRefused(msg)
        return found

    async def close(self) -> None:
        await self._resolver.close()


def resolver_for(*, allow_private: bool) -> Any:
    return LastingResolver() if allow_private else PublicResolver()
