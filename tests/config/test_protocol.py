"""The bounds of the HTTP protocol, over real sockets."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from config import protocol
from config.listener import listen
from config.protocol import MAX_HEAD_BYTES, MAX_HEADERS, LimitedHttpProtocol

pytestmark = pytest.mark.asyncio


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the length of the body."""
    if scope["type"] != "http":
        return
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(length).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def test_an_ordinary_request_is_answered() -> None:
    async with connected() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc")

        assert await status_of(reader) == 200
        assert (await reader.read(1)) == b"3"


async def test_a_connection_serves_one_request_after_another() -> None:
    async with connected() as (reader, writer):
        for _ in range(3):
            writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab")
            assert await status_of(reader) == 200
            assert (await reader.readexactly(1)) == b"2"


async def test_a_connection_that_is_idle_is_closed() -> None:
    async with connected(keep_alive_s=0.05) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\na")
        assert await status_of(reader) == 200

        assert await asyncio.wait_for(reader.read(), 5) == b"1"


async def test_a_request_under_way_keeps_its_connection() -> None:
    async with connected(keep_alive_s=0.05) as (reader, writer):
        request = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n"
        writer.write(request + b"a" + request)
        assert await status_of(reader) == 200
        await asyncio.sleep(0.15)
        writer.write(b"b")

        assert await reader.readexactly(1) == b"1"
        assert await status_of(reader) == 200
        assert await asyncio.wait_for(reader.read(), 5) == b"1"


async def test_a_head_that_is_too_large_is_refused() -> None:
    async with connected() as (reader, writer):
        value = b"x" * (MAX_HEAD_BYTES + 1)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nlong: " + value + b"\r\n\r\n")

        assert await status_of(reader) == 431


async def test_a_head_that_never_ends_is_refused() -> None:
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nlong: ")
        writer.write(b"x" * (MAX_HEAD_BYTES * 2))

        assert await status_of(reader) == 431


async def test_too_many_headers_are_refused() -> None:
    async with connected() as (reader, writer):
        lines = b"a: b\r\n" * (MAX_HEADERS + 1)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n" + lines + b"\r\n")

        assert await status_of(reader) == 431


async def test_a_large_body_is_no_large_head() -> None:
    async with connected() as (reader, writer):
        body = b"x" * 1_000_000
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n")
        writer.write(body)

        assert await status_of(reader) == 200


async def test_what_is_not_http_is_a_bad_request() -> None:
    async with connected() as (reader, writer):
        writer.write(b"hello\r\n\r\n")

        assert await status_of(reader) == 400


async def test_a_head_that_takes_too_long_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    async with connected() as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n")

        assert await status_of(reader) == 408


async def test_a_second_head_that_takes_too_long_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    async with connected() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab")
        await status_of(reader)
        await reader.readexactly(1)
        writer.write(b"GET / HTTP/1.1\r\n")

        assert await status_of(reader) == 408


async def test_a_body_that_moves_too_slowly_is_cut_off_c4(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "BODY_PERIOD_SECONDS", 0.1)
    async with connected() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9000\r\n\r\n")

        async def drip() -> None:
            while not reader.at_eof():
                writer.write(b"a")
                await asyncio.sleep(0.01)

        dripping = asyncio.create_task(drip())
        # What still came after the end is answered with a reset.
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 5) == b""
        with contextlib.suppress(ConnectionError):
            await dripping


async def test_a_body_that_does_not_move_is_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "BODY_PERIOD_SECONDS", 0.1)
    async with connected() as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nab")

        assert await asyncio.wait_for(reader.read(), 5) == b""


async def test_an_idle_connection_after_an_answer_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.1)
    monkeypatch.setattr(protocol, "BODY_PERIOD_SECONDS", 0.1)
    async with connected() as (reader, writer):
        for _ in range(2):
            writer.write(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab")
            assert await status_of(reader) == 200
            assert (await reader.readexactly(1)) == b"2"
            await asyncio.sleep(0.3)


@asynccontextmanager
async def connected(
    keep_alive_s: float = 5,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Run the server for one connection to it."""
    sock = listen("127.0.0.1", 0)
    host, port = sock.getsockname()
    server = start(sock, keep_alive_s)
    running = asyncio.create_task(server.serve(sockets=[sock]))
    reader, writer = await asyncio.open_connection(host, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await running


def start(sock: socket.socket, keep_alive_s: float) -> uvicorn.Server:
    config = uvicorn.Config(
        echo,
        http=LimitedHttpProtocol,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=keep_alive_s,  # type: ignore[arg-type]
    )
    return uvicorn.Server(config)


async def status_of(reader: asyncio.StreamReader) -> int:
    """Return the status of the next answer, and read to the end of its head."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    return int(head.split(b" ", 2)[1])
