"""Calls of the control plane to addresses that people enter: webhooks above all.

A name is resolved once, every address that it leads to must be an ordinary one of the
internet, and the connection goes to an address that was checked.
"""

import socket
from ssl import SSLContext

import httpx
from django.conf import settings

from tenants.addresses import AddressRefused, is_public

_FIRST_UNPRIVILEGED_PORT = 1024
_USUAL_PORTS = frozenset({80, 443})


class PublicTransport(httpx.HTTPTransport):
    """Connects to the internet alone; certificates are those of the name, not its address."""

    def __init__(self, verify: SSLContext | bool = True) -> None:
        # Without connections that are kept: another name may share an address.
        super().__init__(
            verify=verify, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        address = public_address_of(host, request.url.port or _port_of(request.url))
        request.extensions["sni_hostname"] = host
        request.url = request.url.copy_with(host=address)
        return super().handle_request(request)


def public_client(timeout_s: float) -> httpx.Client:
    """Return a client that follows no redirects and uses no proxy of the environment."""
    private = settings.WEBHOOK_PRIVATE_ADDRESSES
    return httpx.Client(
        transport=httpx.HTTPTransport() if private else PublicTransport(),
        timeout=timeout_s,
        follow_redirects=False,
        trust_env=False,
    )


def public_address_of(host: str, port: int) -> str:
    """Return an address of the host. Raises `AddressRefused`, `OSError` if it has none."""
    if port < _FIRST_UNPRIVILEGED_PORT and port not in _USUAL_PORTS:
        msg = f"Port {port} belongs to another kind of service; use 443."
        raise AddressRefused(msg)
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]) for entry in found]
    if not all(map(is_public, addresses)):
        msg = f"{host} leads to a private address, which may not be called."
        raise AddressRefused(msg)
    return addresses[0]


def _port_of(url: httpx.URL) -> int:
    return 443 if url.scheme == "https" else 80
