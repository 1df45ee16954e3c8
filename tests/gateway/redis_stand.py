"""A Redis server of a test's own that can be frozen, killed and held up."""

import asyncio
import contextlib
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import redis

from config.embedded import redis as embedded_redis
from gateway.limits.limiter import Limiter


class OwnRedis:
    """A server on a socket in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}?db=0"
        self.client = redis.Redis(unix_socket_path=str(self.socket))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, port: int = 0) -> None:
        options = ["--port", str(port), "--unixsocket", str(self.socket), "--save", ""]
        self._process = subprocess.Popen(
            [embedded_redis._binary(), *options], stdout=subprocess.DEVNULL
        )
        for _ in range(500):
            with contextlib.suppress(redis.RedisError):
                self.client.ping()
                return
            if self._process.poll() is not None:
                raise RuntimeError("redis-server ended")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.01)
        raise RuntimeError("redis-server does not answer")

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self.client.connection_pool.disconnect()

    def close(self) -> None:
        self.kill()
        self.client.close()

    def calls_of(self, command: str) -> int:
        stats = self.client.info("commandstats")
        return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextlib.contextmanager
def own_redis() -> Iterator[OwnRedis]:
    with tempfile.TemporaryDirectory(prefix="sb-") as folder:
        server = OwnRedis(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.close()


class Gate:
    """Stands between a client and Redis, and can keep answers back."""

    def __init__(self, upstream: Path) -> None:
        self.socket = upstream.with_name("gate.sock")
        self.url = f"unix://{self.socket}?db=0"
        self.reads = 0
        self._upstream = upstream
        self._is_open = asyncio.Event()
        self._is_open.set()
        self._connections: set[asyncio.Task[None]] = set()

    def hold(self) -> None:
        self._is_open.clear()

    def release(self) -> None:
        self._is_open.set()

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = await asyncio.open_unix_connection(str(self._upstream))
        answers = asyncio.create_task(self._answer(there, writer))
        self._connections.add(answers)
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                self.reads += 1
                back.write(data)
        # What was sent reaches Redis, as it does when a frozen server wakes up.
        back.write_eof()
        await answers
        for each in (back, writer):
            each.close()
            with contextlib.suppress(OSError):
                await each.wait_closed()

    async def _answer(
        self, there: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await there.read(1 << 20):
                await self._is_open.wait()
                writer.write(data)


@contextlib.asynccontextmanager
async def gate_before(server: OwnRedis) -> AsyncIterator[Gate]:
    gate = Gate(server.socket)
    listening = await asyncio.start_unix_server(gate.serve, str(gate.socket))
    try:
        yield gate
    finally:
        gate.release()
        listening.close()
        await listening.wait_closed()
        await asyncio.gather(*gate._connections, return_exceptions=True)


@contextlib.asynccontextmanager
async def started(limiter: Limiter) -> AsyncIterator[Limiter]:
    await limiter.start()
    try:
        yield limiter
    finally:
        await limiter.stop()
