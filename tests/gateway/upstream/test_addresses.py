"""Outgoing calls reach the internet and nothing else, however an address is written (A1)."""

import asyncio
import socket
from typing import Any

import pytest

from gateway.upstream.addresses import PublicResolver
from tenants.addresses import AddressRefused, check_literal, is_public

INSIDE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.8",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:0:7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = [
    "1.1.1.1",
    "8.8.8.8",
    "93.184.216.34",
    "104.18.7.192",
    "2606:4700::6812:7c0",
    "2a00:1450:4001:82a::200e",
    "2001:4860:4860::8888",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(AddressRefused):
        check_literal(address)
    with pytest.raises(AddressRefused):
        check_literal(f"[{address}]")


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_of_the_internet_is_reached(address: str) -> None:
    assert is_public(address)
    check_literal(address)


def test_what_is_no_address_is_not_public() -> None:
    assert not is_public("localhost")
    assert not is_public("")
    check_literal("localhost")


def resolve(host: str) -> Any:
    async def look() -> Any:
        resolver = PublicResolver()
        try:
            return await resolver.resolve(host, 80)
        finally:
            await resolver.close()

    return asyncio.run(look())


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.1",
        "0",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "0251.0376.0251.0376",
        "2852039166",
    ],
)
def test_a_name_that_leads_inside_is_refused_however_it_is_spelled(host: str) -> None:
    with pytest.raises(AddressRefused):
        resolve(host)


def test_one_inside_among_many_outside_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def answer(*_: Any, **__: Any) -> Any:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
            for address in ("8.8.8.8", "10.0.0.1")
        ]

    monkeypatch.setattr(socket, "getaddrinfo", answer)

    with pytest.raises(AddressRefused):
        resolve("rebinding.example")
