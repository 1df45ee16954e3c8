"""Which addresses outgoing calls may reach, whoever makes them."""

import ipaddress

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
        if host.replace(".", "").isdigit():
            # Short, decimal or octal: to connect is to take it for an address.
            msg = f"{host} is no proper address; write it as four numbers."
            raise AddressRefused(msg) from None
        return
    if not is_public(host.strip("[]")):
        msg = f"{host} is a private address; the provider must allow these first."
        raise AddressRefused(msg)
