"""A listening socket that several processes can accept on."""

import errno
import socket

BACKLOG = 2048


class PortTaken(Exception):
    """Something else listens on the port; the message says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 means any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise PortTaken(_advice(host, port, error)) from error
    sock.listen(BACKLOG)
    return sock


def _advice(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use. "
            f"Stop what listens there, or choose another one: PORT={port + 1} make run"
        )
    if error.errno == errno.EACCES:
        return (
            f"Port {port} needs privileges. Choose one above 1023: PORT=8000 make run"
        )
    return f"Cannot listen on {host} port {port}: {error.strerror}."
