"""GET /metrics: for this machine, or for who has the token. Never for the public."""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from gateway.metrics.exposition import CONTENT_TYPE
from gateway.metrics.publisher import Publisher
from gateway.replies import EdgeReply, plain_reply

PATH = "/metrics"

_TEXT = b"text/plain; charset=utf-8"
_BEARER = b"bearer "

# A proxy on this machine is not the client; what it passes on came from elsewhere.
_PASSED_ON = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")


async def metrics_reply(
    scope: dict[str, Any], publisher: Publisher | None, token: str
) -> EdgeReply:
    if scope["method"] not in {"GET", "HEAD"}:
        return plain_reply(405, _TEXT, b"Use GET here.\n", {"allow": "GET, HEAD"})
    if not may_read(scope.get("client"), dict(scope["headers"]), token):
        words = (
            "Metrics are for this machine alone, or, where SIGNALBOX_METRICS_TOKEN "
            "is set, for who sends it as a bearer token.\n"
        )
        return plain_reply(403, _TEXT, words.encode())
    if publisher is None:
        return plain_reply(503, _TEXT, b"starting\n")
    return plain_reply(200, CONTENT_TYPE, await publisher.scrape())


def may_read(
    client: tuple[str, int] | None, headers: Mapping[bytes, bytes], token: str
) -> bool:
    """With a token, who has it; without one, who asks from this machine, directly."""
    if token:
        given = headers.get(b"authorization", b"")
        return given[:7].lower() == _BEARER and hmac.compare_digest(
            given[7:].strip(), token.encode()
        )
    if any(name in headers for name in _PASSED_ON):
        return False
    return client is not None and _is_loopback(client[0])


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
