"""The least that a relay in Python can do: the yardstick of every measurement.

python -m tests.benchmarks.bare_relay UPSTREAM --fd LISTENING_SOCKET
"""

import asyncio
import gc
import socket
import sys
from typing import Any

import aiohttp
import uvicorn
import uvloop

upstream = ""
session: aiohttp.ClientSession


async def relay(scope: Any, receive: Any, send: Any) -> None:
    """Forward one request and its answer, a stream in the chunks that it comes in."""
    message = await receive()
    body = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    headers = {"content-type": "application/json"}
    async with session.post(upstream, data=body, headers=headers) as answer:
        start: dict[str, Any] = {"type": "http.response.start", "status": answer.status}
        kind = (b"content-type", answer.headers["content-type"].encode())
        if answer.content_length is not None:
            whole = await answer.read()
            start["headers"] = [kind, (b"content-length", b"%d" % len(whole))]
            await send(start)
            await send({"type": "http.response.body", "body": whole})
            return
        start["headers"] = [kind]
        await send(start)
        part = {"type": "http.response.body", "more_body": True}
        async for chunk in answer.content.iter_any():
            await send({**part, "body": chunk})
        await send({"type": "http.response.body", "body": b""})


async def main() -> None:
    global upstream, session
    upstream = f"{sys.argv[1]}/v1/chat/completions"
    connector = aiohttp.TCPConnector(limit=0)
    session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
    config = uvicorn.Config(
        relay,
        interface="asgi3",
        log_level="critical",
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
    )
    gc.freeze()
    gc.set_threshold(10_000, 50, 1_000)
    async with session:
        await uvicorn.Server(config).serve([socket.socket(fileno=int(sys.argv[3]))])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
