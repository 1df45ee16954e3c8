"""Puts the application on a socket."""

import asyncio
import socket

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from gateway.simulator.app import Application
from gateway.simulator.behaviour import Behaviour, Behaviours
from gateway.simulator.exchange import TRANSPORT
from gateway.simulator.ledger import Ledger
from gateway.simulator.models import ModelList

# Longer than clients keep idle connections, so that it is never the server who closes.
_KEEP_ALIVE_S = 75
_BACKLOG = 2048


class _Connection(HttpToolsProtocol):
    """uvicorn's connection, with its transport at hand for the faults."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: {"transport": self.transport}}


def bind(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a listening socket; it may be connected to from now on."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    sock.listen(_BACKLOG)
    return sock


def url_of(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"http://{host}:{port}"


async def run(
    app: Application, sock: socket.socket, until: asyncio.Event | None = None
) -> None:
    """Answer requests until the event is set, then drop every connection."""
    config = Config(
        app=app,
        interface="asgi3",
        http=_Connection,
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()

    def connection() -> _Connection:
        return _Connection(config, state, {}, loop)

    server = await loop.create_server(connection, sock=sock, backlog=_BACKLOG)
    try:
        await (until or asyncio.Event()).wait()
    finally:
        server.close()
        for open_connection in list(state.connections):
            open_connection.transport.abort()
        for task in list(state.tasks):
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)


def application(
    defaults: Behaviour | None = None,
    *,
    models: frozenset[str] = frozenset(),
    any_model: bool = False,
    ledger: Ledger | None = None,
) -> Application:
    return Application(
        Behaviours(defaults or Behaviour()),
        ledger or Ledger(),
        ModelList(models, any_model),
    )
