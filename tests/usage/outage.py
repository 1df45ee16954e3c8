"""A line to PostgreSQL that can be cut, between the product and the real server."""

import contextlib
import socket
import threading
from pathlib import Path
from typing import Any

from usage.ledger import connection_parameters

SOCKET_NAME = ".s.PGSQL.5432"


class Line:
    """Forwards connections from a socket of its own, until it is cut."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listener: socket.socket | None = None
        self._open: list[socket.socket] = []
        self._target = connection_parameters()

    def parameters(self) -> dict[str, Any]:
        """Return the way to the database through this line."""
        return {**self._target, "host": str(self._folder), "port": 5432}

    def restore(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / SOCKET_NAME))
        self._listener.listen()
        threading.Thread(target=self._accept, args=[self._listener]).start()

    def cut(self) -> None:
        """Refuse new connections and end those that are open."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            (self._folder / SOCKET_NAME).unlink()
            self._listener = None
        while self._open:
            one = self._open.pop()
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                inner, _ = listener.accept()
            except OSError:
                return
            outer = self._connect()
            self._open += [inner, outer]
            for pair in ((inner, outer), (outer, inner)):
                threading.Thread(target=_forward, args=pair).start()

    def _connect(self) -> socket.socket:
        host = str(self._target.get("host", "localhost"))
        port = int(self._target.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        outer = socket.socket(socket.AF_UNIX)
        outer.connect(f"{host}/.s.PGSQL.{port}")
        return outer


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    source.close()
