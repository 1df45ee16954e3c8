"""What a client names its request, and what makes two requests one and the same."""

import hmac
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

import msgspec

from gateway.refusals import InvalidRequest
from usage.idempotent_answers import Claim

HEADER = b"idempotency-key"

_NAME = "idempotency-key"
_VISIBLE = re.compile(rb"[\x21-\x7e]{1,255}")
_BOUNDARY = re.compile(rb"boundary=(?:\"([^\"]+)\"|([^;\s]+))", re.IGNORECASE)
_LABEL = b"signalbox idempotency 1\0"

_encode = msgspec.msgpack.encode


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the key that the request carries. Raises `InvalidRequest`."""
    sent = {value for name, value in headers if name == HEADER}
    if len(sent) != 1 or not _VISIBLE.fullmatch(key := sent.pop()):
        msg = (
            "'Idempotency-Key' must be one value of 1 to 255 visible ASCII characters, "
            "without spaces; a UUID will do."
        )
        raise InvalidRequest(msg, param=_NAME)
    return key


class Namer:
    """Names requests by digests that nobody can compute without the server's secret."""

    def __init__(self, secret: str) -> None:
        self._secret = _LABEL + secret.encode()

    def claim(
        self,
        key: bytes,
        project_id: int,
        path: str,
        *,
        query: bytes,
        content_type: bytes,
        content: bytes,
        end_user: bytes,
        request_id: str,
    ) -> Claim:
        """Return what the request claims: its key, within its project and route.

        What was answered for one end user of the project is for no other.
        """
        return Claim(
            self._digest(("key", project_id, path, key)),
            project_id,
            self._digest(
                (
                    "asked",
                    _said_in(query),
                    end_user,
                    *said_in_body(content, content_type),
                )
            ),
            request_id,
        )

    def _digest(self, said: tuple[object, ...]) -> str:
        return hmac.digest(self._secret, _encode(said), "sha256").hex()


def _said_in(query: bytes) -> list[tuple[str, str]]:
    """Return what the query says besides who asks."""
    said = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return [(name, value) for name, value in said if name != "key"]


def said_in_body(content: bytes, content_type: bytes) -> tuple[bytes, bytes]:
    """Return the body, and its type; a form without its boundary, new at every sending."""
    found = _BOUNDARY.search(content_type)
    if found is None or not content_type.lower().startswith(b"multipart/"):
        return content, content_type
    boundary = found[1] or found[2]
    return (
        content.replace(b"--" + boundary, b"--"),
        content_type[: found.start()] + content_type[found.end() :],
    )
