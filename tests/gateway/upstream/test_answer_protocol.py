"""Answers in one piece are read quickly, and mean what they mean to aiohttp."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from gateway.upstream.chunked_answer import ChunkedAnswer
from gateway.upstream.connections import Connections
from gateway.upstream.errors import UpstreamUnreadable
from gateway.upstream.prepared_request import PreparedRequests, PreparedResponse

TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
WIRE = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}"

OK = b"HTTP/1.1 200 OK\r\n"
TYPE = b"Content-Type: text/plain\r\n"
LENGTH = b"Content-Length: 5\r\n"
PLAIN = OK + TYPE + LENGTH + b"\r\nhello"
CHUNKED = (
    OK
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nlast: 1\r\n\r\n"
)
GOOD = {
    "length": PLAIN,
    "chunks": CHUNKED,
    "error": b"HTTP/1.1 429 Slow Down\r\nRetry-After: 7\r\n" + LENGTH + b"\r\nhello",
    "last of its connection": OK + b"Connection: close\r\n" + LENGTH + b"\r\nhello",
    "old": b"HTTP/1.0 200 OK\r\n" + LENGTH + b"\r\nhello",
    "interim first": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + PLAIN,
    "many headers": OK + b"x-some: 1\r\n" * 100 + LENGTH + b"\r\nhello",
    "to the end": OK + b"Connection: close\r\n\r\nhello",
}
BAD = {
    "no HTTP": b"hello\r\n\r\n",
    "two lengths": OK + LENGTH + b"Content-Length: 6\r\n\r\nhello!",
    "too many headers": OK + b"x-some: 1\r\n" * 200 + LENGTH + b"\r\nhello",
    "a long header": OK + b"x-long: " + b"a" * 9_000 + b"\r\n" + LENGTH + b"\r\nhello",
}


class Provider:
    """Says its pieces to each request, and counts its connections."""

    def __init__(self) -> None:
        self.pieces: Sequence[bytes] = ()
        self.closes = False
        self.connections = 0
        self.answering: set[asyncio.Task[None] | None] = set()
        self.writers: list[asyncio.StreamWriter] = []
        self.url = URL()

    async def answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        self.writers.append(writer)
        self.answering.add(asyncio.current_task())
        while await reader.read(65_536):
            for piece in self.pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if self.closes:
                break
        writer.close()


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[Provider]:
    made = Provider()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    yield made
    server.close()
    # Who is cancelled with the loop leaves sockets behind.
    for writer in made.writers:
        writer.close()
    await asyncio.wait(filter(None, made.answering), timeout=5)


@pytest_asyncio.fixture
async def requests() -> AsyncIterator[PreparedRequests]:
    made = PreparedRequests(Connections(limit=0))
    yield made
    await made.pool.close()


async def ask(
    requests: PreparedRequests, provider: Provider, *, is_stream: bool = False
) -> PreparedResponse:
    async with asyncio.timeout(5):
        return await requests.send(
            "POST", provider.url, WIRE, TIMEOUT, is_stream=is_stream
        )


async def body_of(response: PreparedResponse) -> bytes:
    if response.whole is not None:
        return response.whole
    body = b""
    async with asyncio.timeout(5):
        while piece := await response.content.readany():
            body += piece
    return body


@pytest.mark.asyncio
@pytest.mark.parametrize("wire", GOOD.values(), ids=GOOD)
@pytest.mark.parametrize("cut", [0, 9, 40, -3])
async def test_an_answer_is_the_same_however_it_is_read_and_cut(
    provider: Provider, requests: PreparedRequests, wire: bytes, cut: int
) -> None:
    provider.pieces = [wire[:cut], wire[cut:]] if cut else [wire]
    provider.closes = b"close" in wire or b"HTTP/1.0" in wire

    found = []
    for is_stream in (False, True, False):
        response = await ask(requests, provider, is_stream=is_stream)
        body = await body_of(response)
        told = response.headers.get("retry-after")
        found.append((response.status, told, body))
        response.close()

    assert found[0][2] == b"hello"
    assert found[1:] == found[:1] * 2
    assert provider.connections == (3 if provider.closes else 1)


@pytest.mark.asyncio
async def test_a_whole_answer_is_noticed_as_one(
    provider: Provider, requests: PreparedRequests
) -> None:
    provider.pieces = [PLAIN]

    response = await ask(requests, provider)

    assert response.whole == b"hello"
    assert response.headers.get("content-TYPE") == "text/plain"
    assert response.headers.get("content-encoding") is None
    response.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("wire", BAD.values(), ids=BAD)
async def test_what_is_no_proper_answer_is_refused_as_in_a_stream(
    provider: Provider, requests: PreparedRequests, wire: bytes
) -> None:
    provider.pieces = [wire]

    for is_stream in (False, True):
        with pytest.raises(UpstreamUnreadable):
            await ask(requests, provider, is_stream=is_stream)


@pytest.mark.asyncio
async def test_a_connection_that_ends_without_an_answer_is_an_error(
    provider: Provider, requests: PreparedRequests
) -> None:
    provider.closes = True

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await ask(requests, provider)


@pytest.mark.asyncio
@pytest.mark.parametrize("is_stream", [False, True])
async def test_what_was_said_unasked_is_nobodys_answer(
    provider: Provider, requests: PreparedRequests, *, is_stream: bool
) -> None:
    provider.pieces = [PLAIN, PLAIN.replace(b"hello", b"other")]
    first = await ask(requests, provider, is_stream=is_stream)
    assert await body_of(first) == b"hello"
    first.close()
    await asyncio.sleep(0.05)

    second = await ask(requests, provider, is_stream=is_stream)

    assert await body_of(second) == b"hello"
    assert provider.connections == 2
    second.close()


BEGUN = OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"


async def broken_off(response: PreparedResponse) -> bytes:
    """Return what came before the answer broke off."""
    body = b""
    async with asyncio.timeout(5):
        try:
            while piece := await response.content.readany():
                body += piece
        except aiohttp.ClientPayloadError:
            return body
    pytest.fail("the answer has an end")


@pytest.mark.asyncio
async def test_what_came_before_chunks_broke_off_is_read(
    provider: Provider, requests: PreparedRequests
) -> None:
    provider.pieces, provider.closes = [BEGUN], True

    response = await ask(requests, provider, is_stream=True)

    assert await broken_off(response) == b"hello"
    response.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "rest",
    [
        b"no size\r\n",
        b"0\r\nx-last: " + b"a" * 100_000,
        b"5;" + b"x" * 100_000,
        b"0\r\n" + b"x-last: a\r\n" * 10_000,
    ],
    ids=["no chunk", "a long header", "a long extension", "many headers"],
)
async def test_what_is_no_chunk_ends_the_answer_and_its_connection(
    provider: Provider, requests: PreparedRequests, rest: bytes
) -> None:
    provider.pieces = [BEGUN, rest]

    first = await ask(requests, provider, is_stream=True)
    assert await broken_off(first) == b"hello"
    first.close()
    provider.pieces = [CHUNKED]
    second = await ask(requests, provider, is_stream=True)

    assert await body_of(second) == b"hello"
    assert provider.connections == 2
    second.close()


@pytest.mark.asyncio
async def test_a_provider_is_held_up_by_who_does_not_read(
    provider: Provider, requests: PreparedRequests
) -> None:
    chunk = b"1000000\r\n" + b"a" * 2**24 + b"\r\n"
    provider.pieces = [BEGUN, chunk, b"0\r\n\r\n"]

    response = await ask(requests, provider, is_stream=True)
    await asyncio.sleep(0.2)
    answer = response.content
    assert isinstance(answer, ChunkedAnswer)
    waiting = sum(map(len, answer._pieces))
    body = await body_of(response)

    assert waiting < 1024 * 1024
    assert len(body) == 2**24 + 5
    response.close()


@pytest.mark.asyncio
async def test_an_answer_that_is_not_read_to_its_end_ends_its_connection(
    provider: Provider, requests: PreparedRequests
) -> None:
    provider.pieces = [BEGUN, b"0\r\n\r\n"]
    first = await ask(requests, provider, is_stream=True)
    first.close()

    second = await ask(requests, provider, is_stream=True)

    assert await body_of(second) == b"hello"
    assert provider.connections == 2
    second.close()
