"""A request as the edge hands it to a view."""

from typing import Any

from rest_framework.request import Request

from gateway.configuration.records import KeyRecord
from gateway.serve import Gateway
from gateway.telemetry.passing import Trace


class EdgeRequest(Request):
    """DRF's request, made of what the edge knows; the body has been read.

    DRF's own initializer is not called: it prepares what is never used here.
    """

    def __init__(
        self,
        scope: dict[str, Any],
        edge_headers: dict[bytes, bytes],
        content: bytes,
        key: KeyRecord,
        request_id: str,
        gateway: Gateway,
        began: float,
    ) -> None:
        self.scope = scope
        self.method = scope["method"]
        self.path = scope["path"]
        self.edge_headers = edge_headers
        self.content = content
        self.key = key
        self.request_id = request_id
        self.gateway = gateway
        self.began = began
        # The trace that it belongs to, where it was told of one or is watched.
        self.trace: Trace | None = None
        # What ProjectKeyAuthentication would say, without DRF asking it.
        self.authenticators = ()
        self._user = key.project
        self._auth = key
        self._authenticator = None

    def __repr__(self) -> str:
        return f"<EdgeRequest {self.method} {self.path}>"
