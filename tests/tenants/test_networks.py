"""Where a request comes from, as far as proxies can be believed."""

from ipaddress import ip_address, ip_network

import pytest

from tenants.networks import client_address, is_within

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("8.8.8.8", "", "8.8.8.8"),
        ("8.8.8.8", "1.1.1.1", "8.8.8.8"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "9.9.9.9, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "9.9.9.9, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", " [2001:db8::1] ", "2001:db8::1"),
        ("fd00::1%eth0", "1.1.1.1", "1.1.1.1"),
        ("::ffff:10.0.0.1", "::ffff:1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "unknown", None),
        ("10.0.0.1", "9.9.9.9, , ", None),
        ("10.0.0.1", ", ".join(["10.0.0.2"] * 10_000), "10.0.0.2"),
        ("", "1.1.1.1", None),
        ("testclient", "1.1.1.1", None),
    ],
)
def test_the_last_address_that_a_trusted_proxy_wrote_counts(
    peer: str, forwarded: str, address: str | None
) -> None:
    expected = None if address is None else ip_address(address)

    assert client_address(peer, forwarded, TRUSTED) == expected


def test_what_is_not_known_is_in_no_network() -> None:
    assert not is_within(None, (ip_network("0.0.0.0/0"),))
    assert not is_within(ip_address("1.1.1.1"), (ip_network("::/0"),))
    assert is_within(ip_address("1.1.1.1"), (ip_network("1.0.0.0/8"),))
