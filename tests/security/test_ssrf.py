"""Addresses that people enter lead to the internet and nowhere else (A1).

Measured at the socket: every connection that anything tries to make is written down, names
are resolved by a resolver that lies, and nothing leaves the machine. Those to addresses
of the internet end at a server here, which redirects to where nobody may go.
"""

import asyncio
import ipaddress
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from yarl import URL

from gateway.providers.health_requests import ask
from gateway.types import Outgoing
from gateway.upstream.errors import UpstreamError
from gateway.upstream.service_accounts import ServiceAccount
from gateway.upstream.targets import build_target
from gateway.upstream.transport import Transport
from tests.gateway.records import ENDPOINT, PROVIDER, model
from usage.notifications.sending import NotSent, _post
from workflows.actions import webhook

PUBLIC = "93.184.216.34"
PORT = 8443
FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９。")  # noqa: RUF001

# Where nobody may go, by IPv4: this machine, its network, the cloud's own service, …
INSIDE_V4 = (
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.254",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.0.0.8",
    "192.0.2.2",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.1.254",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
)
# Of these, every way in which such an address can be written.
WRITTEN = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "0.0.0.0")
INSIDE_V6 = (
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001",
    "::ffff:0:7f00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2001:0:7f00:1::",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%25lo",
    "fe80::1%25eth0",
    "fe80::a9fe:a9fe%251",
    "::1%25lo",
    "fec0::1",
    "ff02::1",
    "ff05::2",
)


def _ways(text: str) -> Iterator[str]:
    """Yield what systems take for the IPv4 address, be it as a number or inside IPv6."""
    a, b, c, d = (int(part) for part in text.split("."))
    number = int(ipaddress.IPv4Address(text))
    high, low = number >> 16, number & 0xFFFF
    yield str(number)
    yield hex(number)
    yield hex(number).upper().replace("0X", "0x")
    yield f"0{number:o}"
    yield f"{a:#x}.{b:#x}.{c:#x}.{d:#x}"
    yield f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"
    yield f"{a:04o}.{b:04o}.{c:04o}.{d:04o}"
    yield f"{a}.{b}.{c * 256 + d}"
    yield f"{a}.{(b << 16) + (c << 8) + d}"
    yield f"{a:#x}.{b}.0{c:o}.{d}"
    yield f"{text}."
    yield text.translate(FULL_WIDTH)
    yield text.replace(".", "%2e")
    yield f"[::ffff:{text}]"
    yield f"[::ffff:{high:x}:{low:x}]"
    yield f"[::{text}]"
    yield f"[64:ff9b::{text}]"
    yield f"[64:ff9b::{high:x}:{low:x}]"
    yield f"[64:ff9b:1::{high:x}:{low:x}]"
    yield f"[2002:{high:x}:{low:x}::]"
    yield f"[2001:0:{high:x}:{low:x}::1]"
    yield f"[2001::{high ^ 0xFFFF:x}:{low ^ 0xFFFF:x}]"
    yield f"[::ffff:0:{high:x}:{low:x}]"


# Names, and where they lead; the second time it may be elsewhere.
NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "localhost": (("127.0.0.1", "::1"),),
    "localhost.": (("127.0.0.1",),),
    "LOCALHOST": (("127.0.0.1",),),
    "app.localhost": (("127.0.0.1",),),
    "ⓛocalhost": (("127.0.0.1",),),
    "localhost.localdomain": (("127.0.0.1",),),
    "ip6-localhost": (("::1",),),
    "inside.example": (("10.0.0.1",),),
    "inside.example.": (("10.0.0.1",),),
    "metadata.google.internal": (("169.254.169.254",),),
    "127.0.0.1.nip.example": (("127.0.0.1",),),
    "mapped.example": (("::ffff:127.0.0.1",),),
    "nat64.example": (("64:ff9b::a9fe:a9fe",),),
    "sixtofour.example": (("2002:7f00:1::",),),
    "teredo.example": (("2001:0:7f00:1::",),),
    "linklocal.example": (("fe80::1%lo",),),
    "unspecified.example": (("0.0.0.0",),),
    "both.example": ((PUBLIC, "127.0.0.1"),),
    "either.example": (("127.0.0.1", PUBLIC),),
    "six.example": ((PUBLIC, "::1"),),
    "xn--bcher-kva.example": (("192.168.0.1",),),
    "bücher.example": (("192.168.0.1",),),
    "1.1.1.1.inside.example": (("172.16.0.1",),),
    # What was checked is what is connected to, whatever the name says then.
    "rebinding.example": ((PUBLIC,), ("127.0.0.1",)),
    "rebinding6.example": ((PUBLIC,), ("::1",)),
    "late.example": ((PUBLIC,), (PUBLIC,), ("169.254.169.254",)),
}

HOSTS = [
    *INSIDE_V4,
    *(way for text in WRITTEN for way in _ways(text)),
    *(f"[{text}]" for text in INSIDE_V6),
    *NAMES,
]
ADDRESSES = [
    *(f"http://{host}:{PORT}" for host in HOSTS),
    # Ports that are left out, strange, or other services'.
    *(f"http://127.0.0.1{port}" for port in ("", ":80", ":22", ":6379", ":0", ":")),
    *(f"https://{host}" for host in ("127.0.0.1", "localhost", "[::1]", "2130706433")),
    # What stands before an @ is no host; nor is what stands after #, ? or a backslash.
    "http://api.acme.example@127.0.0.1:8443",
    "http://api.acme.example:pass@127.0.0.1:8443",
    "http://93.184.216.34@127.0.0.1:8443",
    "http://api.acme.example%40127.0.0.1:8443",
    "http://127.0.0.1:8443#@api.acme.example",
    "http://127.0.0.1:8443?@api.acme.example",
    "http://127.0.0.1:8443\\@api.acme.example",
    "http://127.0.0.1:8443/@api.acme.example",
    "http://@127.0.0.1:8443",
    "http://:@127.0.0.1:8443",
    "http://127.0.0.1\t:8443",
    "http://127.0.0.1%00.acme.example:8443",
    "http://[::1]@api.acme.example:8443",
    "http:127.0.0.1:8443",
    "http:///127.0.0.1:8443",
    "//127.0.0.1:8443",
    "HTTP://127.0.0.1:8443",
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_INFO",
    "unix:/run/postgresql",
]


class Wire:
    """What the machine is connected to by: a resolver that lies, and a list of calls."""

    def __init__(self) -> None:
        self.tried: list[str] = []
        self.reached: list[str] = []
        self._asked: dict[str, int] = {}
        self._server = socket.create_server(("127.0.0.1", 0))
        self._connect = socket.socket.connect
        self._getaddrinfo = socket.getaddrinfo
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def connect(self, sock: socket.socket, address: Any) -> None:
        if sock.family not in {socket.AF_INET, socket.AF_INET6}:
            self._connect(sock, address)
            return
        self.tried.append(str(address[0]))
        if address[0] != PUBLIC:
            raise ConnectionRefusedError(111, "nobody may go there")
        was_waiting = sock.gettimeout()
        sock.settimeout(5)
        self._connect(sock, self._server.getsockname())
        sock.settimeout(was_waiting)

    def connect_ex(self, sock: socket.socket, address: Any) -> int:
        try:
            self.connect(sock, address)
        except OSError as error:
            return error.errno or -1
        return 0

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        answers = NAMES.get(name) or NAMES.get(name.lower())
        if answers is None:
            # What is no name is taken as the system takes it; no name is looked up.
            more.pop("flags", None)
            found = []
            with suppress(OSError):
                found = [socket.inet_ntoa(socket.inet_aton(name))]
            if not found:
                return self._getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
            answers = (tuple(found),)
        asked = self._asked.get(name, 0)
        self._asked[name] = asked + 1
        entries = []
        for text in answers[min(asked, len(answers) - 1)]:
            entries += self._getaddrinfo(
                text, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        return entries

    def begin(self) -> None:
        self.tried.clear()
        self._asked.clear()

    def blocked(self) -> list[str]:
        """Return the addresses tried that are not the one of the internet."""
        return [address for address in self.tried if address != PUBLIC]

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, suppress(OSError):
                client.settimeout(5)
                self.reached.append(client.recv(65536).partition(b"\r\n")[0].decode())
                client.sendall(
                    b"HTTP/1.1 307 Temporary Redirect\r\n"
                    b"location: http://127.0.0.1:8443/inside\r\n"
                    b"content-length: 0\r\nconnection: close\r\n\r\n"
                )


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    made = Wire()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", lambda sock, to: made.connect(sock, to))
        patch.setattr(
            socket.socket, "connect_ex", lambda sock, to: made.connect_ex(sock, to)
        )
        patch.setattr(socket, "getaddrinfo", made.getaddrinfo)
        yield made
    made.close()


@pytest.fixture(scope="module")
def account_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(autouse=True)
def private_addresses_are_refused(settings: Any) -> None:
    settings.WEBHOOK_PRIVATE_ADDRESSES = False


async def ask_provider(address: str) -> None:
    record = model(1, replace(PROVIDER, base_url=address))
    target = build_target(record, ENDPOINT, None)
    transport = Transport()
    try:
        call = await transport.send(
            target, Outgoing(b"{}", b"application/json"), str(uuid4()), streamed=False
        )
        call.close()
    finally:
        await transport.close()


async def ask_for_health(address: str) -> None:
    await ask(PROVIDER, None, URL(f"{address}/v1/models", encoded=True))


def notify(address: str) -> None:
    _post(address, b"{}", {})


def call_webhook(address: str) -> None:
    webhook._post(address, b"{}", {})


REFUSED = (UpstreamError, NotSent, OSError, ValueError, Exception)


def everywhere(address: str, account_key: str) -> Iterator[Callable[[], Any]]:
    yield lambda: asyncio.run(ask_provider(address))
    yield lambda: asyncio.run(ask_for_health(address))
    secret = {
        "client_email": "a@b.example",
        "private_key": account_key,
        "token_uri": address,
    }
    account = ServiceAccount(json.dumps(secret), allow_private=False)
    yield lambda: asyncio.run(
        account.headers("POST", URL("https://x.example"), b"", b"")
    )
    yield lambda: notify(address)
    yield lambda: call_webhook(address)


def test_there_are_enough_ways_in() -> None:
    assert len(set(ADDRESSES)) >= 150


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_connects_to_where_nobody_may_go(
    wire: Wire, account_key: str, address: str
) -> None:
    for call in everywhere(address, account_key):
        wire.begin()
        with suppress(*REFUSED):
            call()
        assert wire.blocked() == []


def test_what_is_allowed_does_arrive_and_is_not_redirected(
    wire: Wire, account_key: str
) -> None:
    """Otherwise the tests above would say nothing."""
    NAMES["open.example"] = ((PUBLIC,),)
    wire.reached.clear()

    for call in everywhere("http://open.example:8443/x", account_key):
        wire.begin()
        with suppress(*REFUSED):
            call()
        assert wire.tried == [PUBLIC]

    assert len(wire.reached) == 5


def test_a_name_that_leads_elsewhere_later_is_called_where_it_was_checked(
    wire: Wire, account_key: str
) -> None:
    for call in everywhere("http://rebinding.example:8443", account_key):
        wire.begin()
        with suppress(*REFUSED):
            call()
        assert wire.tried == [PUBLIC]


def test_a_kept_connection_is_not_made_anew_to_elsewhere(wire: Wire) -> None:
    """The pool closes, the name has changed meanwhile: it is checked again."""

    async def twice() -> None:
        record = model(1, replace(PROVIDER, base_url="http://rebinding.example:8443"))
        target = build_target(record, ENDPOINT, None)
        transport = Transport()
        for _ in range(3):
            with suppress(UpstreamError):
                call = await transport.send(
                    target,
                    Outgoing(b"{}", b"application/json"),
                    str(uuid4()),
                    streamed=False,
                )
                call.close()
            # A name is remembered for a while; here it is forgotten.
            for requests in transport._requests.values():
                requests.pool.clear_dns_cache()
        await transport.close()

    wire.begin()
    asyncio.run(twice())
    assert set(wire.tried) == {PUBLIC}
