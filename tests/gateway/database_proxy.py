"""A way to PostgreSQL that a test can cut or freeze."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

_CHUNK = 65_536


class DatabaseProxy:
    """Listens on loopback and passes everything on to the database's own address."""

    def __init__(self, host: str, port: str) -> None:
        self._host = host
        self._database_port = port or "5432"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._flights: set[asyncio.Task[Any]] = set()
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections and refuse new ones, until it is started again."""
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        for task in list(self._flights):
            task.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)

    def freeze(self) -> None:
        """Keep connections open, but let nothing through."""
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._flights.add(task)
        opened = [writer]
        try:
            to_reader, to_writer = await self._connect()
            opened.append(to_writer)
            self._writers.update(opened)
            await asyncio.gather(
                self._pump(reader, to_writer), self._pump(to_reader, writer)
            )
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._flights.discard(task)
            for each in opened:
                self._writers.discard(each)
                each.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._host.startswith("/"):
            socket = Path(self._host) / f".s.PGSQL.{self._database_port}"
            return await asyncio.open_unix_connection(str(socket))
        return await asyncio.open_connection(self._host, int(self._database_port))

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
