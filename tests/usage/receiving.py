"""A mail server and a web server on loopback that keep what they are given."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from aiosmtpd.controller import Controller


class Mailbox:
    """An SMTP server that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def handle_DATA(  # noqa: N802  # The name that aiosmtpd calls.
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        self.messages.append(envelope)
        return "250 OK"


def free_port() -> int:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        return server.server_port


class Receiver:
    """A web server that keeps what is posted, and answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.posted: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                headers = {name.lower(): value for name, value in self.headers.items()}
                receiver.posted.append((headers, self.rfile.read(length)))
                self.send_response(receiver.status)
                self.send_header("location", "http://169.254.169.254/")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)


@contextmanager
def mail_server(mailbox: Mailbox) -> Iterator[int]:
    """Yield the port of a server that fills the mailbox."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=0)
    # The controller connects to its own port to see that it is up.
    controller.port = free_port()
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
