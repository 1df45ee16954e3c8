"""How names of providers lead to addresses that may be reached."""

import socket
import time
from typing import Any

from aiohttp import AddrInfoType, SocketFactoryType
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from tenants.addresses import AddressRefused, is_public

# For so long a name leads where it led, while it cannot be resolved.
_KNOWN_S = 3600.0
_MAX_KNOWN = 1000

_Name = tuple[str, int, socket.AddressFamily]


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


def sockets_for(*, allow_private: bool) -> SocketFactoryType | None:
    """Return what makes the sockets of a connector; None: as it does itself.

    Where a connection leads is looked at when it is made: what passes for an address, such
    as 127.1, never reaches a resolver.
    """
    return None if allow_private else _public_socket


def _public_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, where = address
    if not is_public(str(where[0])):
        msg = f"{where[0]} is a private address; the provider must allow these."
        raise AddressRefused(msg)
    return socket.socket(family, kind, protocol)
