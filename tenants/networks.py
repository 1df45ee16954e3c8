"""Where a request comes from, as far as that is known for certain."""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAX_HOPS = 20


def client_address(
    peer: str, forwarded: str, trusted: Sequence[Network]
) -> Address | None:
    """Return the address of the client; None when it cannot be told.

    `forwarded` is what stands in X-Forwarded-For. Each proxy adds at its end whom it was
    called by, so it is believed from there on, as far as trusted proxies wrote it.
    """
    address = _address(peer)
    hops = forwarded.split(",") if forwarded else []
    for hop in reversed(hops[-_MAX_HOPS:]):
        if address is None or not is_within(address, trusted):
            return address
        address = _address(hop)
    return address


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
