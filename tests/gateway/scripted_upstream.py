"""A provider that says exactly the bytes it was told to say."""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from gateway.simulator.server import bind, url_of


@dataclass(slots=True)
class Said:
    """What one connection was asked, and whether the asker left before the end."""

    request: bytes = b""
    left_at: float | None = None


@dataclass(slots=True)
class Script:
    """Bytes to send one after the other; afterwards the connection ends, or stays."""

    pieces: Sequence[bytes] = ()
    pause_s: float = 0.0
    stay: bool = False


@dataclass(slots=True)
class ScriptedUpstream:
    """Listens on a free port of loopback and plays the script to everyone who asks."""

    script: Script = field(default_factory=Script)
    said: list[Said] = field(default_factory=list)
    _socket: socket.socket = field(default_factory=bind)
    _threads: list[threading.Thread] = field(default_factory=list)
    _is_over: bool = False

    @property
    def url(self) -> str:
        return url_of(self._socket)

    def says(self, *pieces: bytes, pause_s: float = 0.0, stay: bool = False) -> None:
        self.said.clear()
        self.script = Script(pieces, pause_s, stay)

    def says_stream(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        """Send a good head, then these pieces, then end the connection."""
        self.says(STREAM_HEAD, *pieces, pause_s=pause_s)

    def says_whole(self, body: bytes) -> None:
        head = WHOLE_HEAD % len(body)
        self.says(head + body)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_over = True
        # A last connection wakes the one who accepts.
        with socket.create_connection(self._socket.getsockname()):
            pass
        for thread in list(self._threads):
            thread.join(timeout=5)
        self._socket.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(
            target=work,  # type: ignore[arg-type]
            args=arguments,
            daemon=True,
            name="scripted upstream",
        )
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self._is_over:
                connection.close()
                return
            self._start(self._play, connection)

    def _play(self, connection: socket.socket) -> None:
        script, said = self.script, Said()
        self.said.append(said)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(0.02)
        with connection:
            try:
                said.request = _read_request(connection)
                for piece in script.pieces:
                    connection.sendall(piece)
                    if script.pause_s:
                        time.sleep(script.pause_s)
                while script.stay and not self._is_over:
                    if _has_ended(connection):
                        said.left_at = time.monotonic()
                        return
            except OSError:
                said.left_at = time.monotonic()


STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
)
WHOLE_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
    b"connection: close\r\n\r\n"
)


def _read_request(connection: socket.socket) -> bytes:
    """Return one request, head and body."""
    connection.settimeout(5)
    received = b""
    while b"\r\n\r\n" not in received:
        received += _receive(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = (
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    length = next(lengths, 0)
    while len(body) < length:
        body += _receive(connection)
    connection.settimeout(0.02)
    return head + b"\r\n\r\n" + body


def _receive(connection: socket.socket) -> bytes:
    received = connection.recv(65536)
    if not received:
        raise ConnectionResetError
    return received


def _has_ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(1024) == b""
    except TimeoutError:
        return False
