"""A provider over a raw socket, which can do to a connection what no server would."""

import re
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from tests.gateway.scripted_upstream import (
    STREAM_HEAD,
    WHOLE_HEAD,
    Said,
    ScriptedUpstream,
    _has_ended,
    _read_request,
)

_ATTEMPT = re.compile(rb"\r\nx-client-request-id: ([0-9a-f-]{36})\r\n", re.IGNORECASE)
_MODEL = re.compile(rb'"model": ?"([^"]+)"')
# Until somebody else ends the connection, and not for ever.
_LONGEST_S = 10.0


class Act(Enum):
    """What is done to the connection between two pieces."""

    RESET = auto()
    # No more is sent, and what comes is still read.
    HALF_CLOSE = auto()
    STAY_SILENT = auto()


@dataclass(frozen=True)
class Drip:
    """Bytes that are sent one at a time."""

    data: bytes
    pause_s: float = 0.02


Step = bytes | Act | Drip


@dataclass(slots=True)
class RawUpstream(ScriptedUpstream):
    """Plays to who asks for a model what stands under its name, then ends."""

    plays: dict[str, Sequence[Step]] = field(default_factory=dict)
    # The attempts that came whole, by the id that the gateway gave them.
    attempts: list[str] = field(default_factory=list)

    def _play(self, connection: socket.socket) -> None:
        said = Said()
        self.said.append(said)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            try:
                said.request = _read_request(connection)
                self.attempts += [
                    each.decode() for each in _ATTEMPT.findall(said.request)
                ]
                model = _MODEL.search(said.request)
                for step in self.plays[model[1].decode()] if model else ():
                    self._do(connection, step)
            except OSError:
                said.left_at = time.monotonic()

    def _do(self, connection: socket.socket, step: Step) -> None:
        match step:
            case bytes():
                connection.settimeout(5)
                connection.sendall(step)
                # Each piece arrives by itself.
                time.sleep(0.01)
                connection.settimeout(0.02)
            case Drip(data, pause_s):
                for number in range(len(data)):
                    connection.sendall(data[number : number + 1])
                    time.sleep(pause_s)
            case Act.RESET:
                reset_at_close = struct.pack("ii", 1, 0)
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, reset_at_close
                )
                connection.close()
            case Act.HALF_CLOSE:
                connection.shutdown(socket.SHUT_WR)
                self._wait(connection)
            case Act.STAY_SILENT:
                self._wait(connection)

    def _wait(self, connection: socket.socket) -> None:
        end = time.monotonic() + _LONGEST_S
        while not self._is_over and time.monotonic() < end:
            if _has_ended(connection):
                raise ConnectionResetError


def head(status: str = "200 OK", *lines: str, kind: str = "application/json") -> bytes:
    """Return the head of an answer whose end is that of the connection."""
    text = "\r\n".join(
        [f"HTTP/1.1 {status}", f"content-type: {kind}", *lines, "connection: close"]
    )
    return text.encode("latin-1") + b"\r\n\r\n"


def whole(body: bytes, status: str = "200 OK", *lines: str) -> bytes:
    """Return an answer with its length."""
    return head(status, *lines, f"content-length: {len(body)}") + body


__all__ = ["STREAM_HEAD", "WHOLE_HEAD", "Act", "Drip", "RawUpstream", "head", "whole"]
