"""Bodies of what Django answers, over real sockets: failures A18 and C5."""

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from config.bodies import MAX_FORM_BYTES
from gateway.control.parsing import MAX_BUNDLE_BYTES, MAX_JSON_BYTES
from tests.gateway.live import LiveGateway

_PIECE = b"x" * 65_536


def pieces(size: int) -> Iterator[bytes]:
    for at in range(0, size, len(_PIECE)):
        yield _PIECE[: size - at]


def send(
    live: LiveGateway, path: str, size: int, *, announced: bool
) -> tuple[int, str, int]:
    """Send a body in pieces; return status, text, and how many bytes were taken."""
    address = urlsplit(live.url)
    connection = http.client.HTTPConnection(
        str(address.hostname), address.port, timeout=10
    )
    connection.putrequest("POST", path)
    connection.putheader("content-type", "application/json")
    if announced:
        connection.putheader("content-length", str(size))
    else:
        connection.putheader("transfer-encoding", "chunked")
    connection.endheaders()
    taken = 0
    if not announced:
        for piece in pieces(size):
            connection.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            taken += len(piece)
        connection.send(b"0\r\n\r\n")
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text, taken


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/api/control/v1/projects/", MAX_JSON_BYTES),
        ("/api/control/v1/bundle/plan/", MAX_BUNDLE_BYTES),
        ("/api/end-users/", MAX_JSON_BYTES),
        ("/admin/login/", MAX_FORM_BYTES),
        ("/nowhere", MAX_FORM_BYTES),
    ],
)
def test_c5_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(
    live: LiveGateway, path: str, most: int
) -> None:
    status, text, taken = send(live, path, most + 1, announced=True)

    assert (status, taken) == (413, 0)
    assert f"{most:,} bytes" in text


def test_c5_a_body_that_grows_too_large_is_refused_in_the_shape_of_the_route(
    live: LiveGateway,
) -> None:
    size = MAX_JSON_BYTES + len(_PIECE)

    status, text, _ = send(live, "/api/control/v1/keys/", size, announced=False)
    own_status, own, _ = send(live, "/api/end-users/", size, announced=False)

    assert status == own_status == 413
    assert json.loads(text)["error"]["code"] == "request_too_large"
    assert json.loads(own)["success"] is False


def test_a_body_within_the_bound_reaches_django(live: LiveGateway) -> None:
    status, text, _ = send(
        live, "/api/control/v1/keys/", MAX_JSON_BYTES, announced=False
    )

    assert status == 401
    assert "operator token" in text or "credentials" in text
