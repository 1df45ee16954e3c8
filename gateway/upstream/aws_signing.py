"""Signatures of Amazon, version 4: over the method, path, headers and body of a call."""

import json
import logging
import re

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from gateway.upstream.errors import UpstreamAccountError

_SERVICE = "bedrock"
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d{1,2}")
_DEFAULT_REGION = "us-east-1"
_WRITTEN = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")

# It would log what is signed, the session token included.
logging.getLogger("botocore.auth").setLevel(logging.INFO)


class AwsSigner:
    """Signs with one access key. `region` is for hosts that name none."""

    def __init__(self, secret: str, region: str = "") -> None:
        self._keys = _keys_of(secret)
        self._region = region if _REGION.fullmatch(region) else _DEFAULT_REGION

    async def headers(
        self, method: str, url: URL, body: bytes, content_type: bytes
    ) -> bytes:
        """Return the header lines that sign this call, and no other.

        Raises `UpstreamAccountError` when the credential is no access key.
        """
        if self._keys is None:
            msg = (
                "The credential is no access key: store "
                '{"access_key_id": "…", "secret_access_key": "…"} or ID:SECRET.'
            )
            raise UpstreamAccountError(msg)
        request = AWSRequest(
            method=method,
            url=str(url),
            data=body,
            headers={"Content-Type": content_type.decode("latin-1")} if body else {},
        )
        region = region_of(url.raw_host or "") or self._region
        SigV4Auth(self._keys, _SERVICE, region).add_auth(request)
        return b"".join(
            f"{name.lower()}: {request.headers[name]}\r\n".encode("latin-1")
            for name in _WRITTEN
            if name in request.headers
        )


def region_of(host: str) -> str:
    """Return the region that a host of Amazon names, empty when it names none."""
    labels = host.split(".")
    if not {"amazonaws", "aws"}.intersection(labels):
        return ""
    return next((label for label in labels if _REGION.fullmatch(label)), "")


def _keys_of(secret: str) -> Credentials | None:
    """Read a JSON object, or the id, the secret and a session token between colons."""
    if secret.lstrip().startswith("{"):
        try:
            tree = json.loads(secret)
        except ValueError:
            return None
        names = ("access_key_id", "secret_access_key", "session_token")
        parts = [tree.get(name) or "" for name in names]
    else:
        parts = [*secret.split(":", 2), "", ""][:3]
    if not all(_is_printable(part) for part in parts) or not all(parts[:2]):
        return None
    key_id, secret_key, token = parts
    return Credentials(key_id, secret_key, token or None)


def _is_printable(part: object) -> bool:
    return isinstance(part, str) and part.isascii() and part.isprintable()
