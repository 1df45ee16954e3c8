"""HTTP/1.1 with bounds on what a client may send and how slowly."""

import asyncio
import re
from http import HTTPStatus
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
)
from uvicorn.server import ServerState

from config.responses import PreparedCycle
from gateway.asgi import PREPARED_RESPONSE, PREPARED_START

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
HEAD_SECONDS = 20.0
# A body must keep moving: less than this much in a period, and the client is cut off.
BODY_PERIOD_SECONDS = 20.0
BODY_PERIOD_BYTES = 2_000
# How long a new connection may still ask when the server ends: its request is on its way.
LAST_REQUEST_SECONDS = 1.0

_PLAIN_PATH = re.compile(rb"/[A-Za-z0-9/_.:-]*")
_EXTENSIONS: dict[str, dict[object, object]] = {
    PREPARED_RESPONSE: {},
    PREPARED_START: {},
}


class HeadTooLarge(Exception):
    """The request line and headers exceed what is accepted."""


class NoSingleHost(Exception):
    """A request of HTTP/1.1 names no host, or any request several."""


class LimitedHttpProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, which has no bounds of its own on heads and slow clients."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_is_open = True
        self._head_bytes = 0
        self._came_last = 0
        self._body_is_open = False
        self._body_bytes = 0
        self._refusal = HTTPStatus.BAD_REQUEST
        self._timer: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self._is_last_request = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_SECONDS, self._end_slow_head)

    def shutdown(self) -> None:
        """End when what is under way has been answered, and what is about to be asked."""
        if self._is_unused() and not self.transport.is_closing():
            self._is_last_request = True
            self.loop.call_later(LAST_REQUEST_SECONDS, self._end_unused)
        else:
            super().shutdown()

    def _end_unused(self) -> None:
        if self._is_unused() and not self.transport.is_closing():
            self.transport.close()

    def _is_unused(self) -> bool:
        return cast("PreparedCycle | None", self.cycle) is None

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)
        super()._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        self._came_last = len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._head_is_open:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self.send_400_response("The request's headers are too large.")
            elif self._timer is None:
                self._timer = self.loop.call_later(HEAD_SECONDS, self._end_slow_head)
        elif self._body_is_open and self._timer is None:
            self._watch_body()

    def _unset_keepalive_if_required(self) -> None:
        """Let the timer run: one for a connection's life costs less than one an answer."""

    def on_response_complete(self) -> None:
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._watch_idleness(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for long enough."""
        self.timeout_keep_alive_task = None
        is_answered = self.cycle.response_complete
        # What is under way has bounds of its own; its answer begins a new wait.
        if not is_answered or self._timer is not None or self.transport.is_closing():
            return
        if self._body_is_open:
            self._idle_since = self.loop.time()
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._watch_idleness(left)
        else:
            self.transport.close()

    def _watch_idleness(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_is_open = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self._head_is_open = False
        self._body_is_open = True
        # No head is longer than what came since its beginning.
        is_long = self._head_bytes + self._came_last > MAX_HEAD_BYTES
        if (is_long and self._size_of_head() > MAX_HEAD_BYTES) or (
            len(self.headers) > MAX_HEADERS
        ):
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            # The parser turns it into its own error, which ends in send_400_response.
            raise HeadTooLarge
        # Whoever stands in front may have taken another one of several for the host.
        hosts = [name for name, _ in self.headers if name == b"host"]
        if len(hosts) != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            raise NoSingleHost
        self.scope["extensions"] = _EXTENSIONS
        url, before = self.url, cast("PreparedCycle | None", self.cycle)
        # Most requests name a path and nothing else, over a connection that is at rest.
        if (
            _PLAIN_PATH.fullmatch(url)
            and self.parser.get_http_version() == "1.1"
            and (before is None or before.response_complete)
            and self.limit_concurrency is None
        ):
            self._begin(url)
            return
        super().on_headers_complete()
        # Uvicorn names its own class; the task that uses the cycle has not run yet.
        self.cycle.__class__ = PreparedCycle
        if self._is_last_request:
            self.cycle.keep_alive = False

    def _begin(self, path: bytes) -> None:
        """Do what uvicorn would, without what such a request does not need."""
        scope: Any = self.scope
        scope["method"] = self.parser.get_method().decode("ascii")
        scope["path"] = self.root_path + path.decode("ascii")
        scope["raw_path"] = self.root_path.encode("ascii") + path
        scope["query_string"] = b""
        self.cycle = PreparedCycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            self.access_log,
            self.server_state.default_headers,
            asyncio.Event(),
            self.expect_100_continue,
            self.parser.should_keep_alive() and not self._is_last_request,
            self.on_response_complete,
        )
        self._start_asgi_task(self.cycle, self.app)

    def _size_of_head(self) -> int:
        size = sum(len(name) + len(value) for name, value in self.headers)
        return size + len(self.url)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._body_bytes += len(body)

    def on_message_complete(self) -> None:
        self._body_is_open = False
        self._stop_timer()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer with the status that fits, and close."""
        self._stop_timer()
        line = STATUS_LINE[self._refusal]
        text = msg.encode()
        self.transport.write(
            line
            + b"content-type: text/plain; charset=utf-8\r\n"
            + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(text)
            + text
        )
        self.transport.close()

    def _end_slow_head(self) -> None:
        self._timer = None
        if self._head_is_open and not self.transport.is_closing():
            self._refusal = HTTPStatus.REQUEST_TIMEOUT
            self.send_400_response("The request's headers took too long.")

    def _watch_body(self) -> None:
        self._body_bytes = 0
        self._timer = self.loop.call_later(BODY_PERIOD_SECONDS, self._end_slow_body)

    def _end_slow_body(self) -> None:
        self._timer = None
        if self.transport.is_closing() or not self._body_is_open:
            return
        # While reading is paused it is we who are slow.
        if self._body_bytes >= BODY_PERIOD_BYTES or self.flow.read_paused:
            self._watch_body()
        else:
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
