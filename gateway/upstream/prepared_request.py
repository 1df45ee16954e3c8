"""A request to a provider that goes out in one write, its head put together beforehand.

aiohttp's own request builds its headers anew for each call and, before Python 3.12,
starts a task to send the body; together that is a tenth of the gateway's time. This one
only names the connection to use and reads the answer.
"""

from types import SimpleNamespace
from typing import Any, cast

from aiohttp import ClientConnectionResetError, ClientRequest, ClientResponse
from aiohttp.abc import AbstractStreamWriter
from aiohttp.connector import Connection
from multidict import CIMultiDict

_NO_HEADERS: CIMultiDict[str] = CIMultiDict()

# The answer only asks it for the size of what was sent.
_NO_WRITER = cast("AbstractStreamWriter", SimpleNamespace(output_size=0))


class PreparedRequest(ClientRequest):
    """`data` is the whole request as it goes over the wire, head included."""

    _wire = b""

    def update_headers(self, headers: Any) -> None:
        self.headers = _NO_HEADERS

    def update_auto_headers(self, skip_auto_headers: Any) -> None:
        """Add nothing: the head is complete."""

    def update_cookies(self, cookies: Any) -> None:
        """Send none."""

    def update_content_encoding(self, data: Any, compress: Any = None) -> None:
        """Leave the body as it is."""

    def update_auth(self, auth: Any, trust_env: bool = False) -> None:
        """Leave the head as it is."""

    def update_body_from_data(self, body: Any, _stacklevel: int = 3) -> None:
        self._wire = body

    def update_transfer_encoding(self) -> None:
        """Leave it: the length is in the head."""

    def update_expect_continue(self, expect: bool = False) -> None:
        """Ask for nothing before sending."""

    async def send(self, conn: Connection) -> ClientResponse:
        protocol = conn.protocol
        transport = None if protocol is None else protocol.transport
        if protocol is None or transport is None or transport.is_closing():
            raise ClientConnectionResetError("Cannot write to closing transport")
        transport.write(self._wire)
        protocol.start_timeout()
        return self.response_class(
            self.method,
            self.original_url,
            writer=None,
            continue100=None,
            timer=self._timer,
            request_info=self.request_info,
            traces=self._traces,
            loop=self.loop,
            session=self._session,
            stream_writer=_NO_WRITER,
        )
