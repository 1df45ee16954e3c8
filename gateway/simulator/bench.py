"""The shortest answers, made once: `sim-bench` costs as little as a provider can."""

import asyncio

from gateway.simulator.exchange import ClientGone, Exchange
from gateway.simulator.ledger import Call, Ledger
from gateway.simulator.models import BENCH
from gateway.simulator.types import Answer, Ask, Choice, Glance, Usage, WireProtocol

EVENTS = 50

# By the name of the protocol, and whether usage is wanted.
_bodies: dict[str, bytes] = {}
_streams: dict[tuple[str, bool], list[bytes]] = {}


async def answer(
    exchange: Exchange,
    protocol: WireProtocol,
    glance: Glance,
    ledger: Ledger,
    call: Call,
) -> None:
    """Answer a request for `sim-bench`; only its stream options are looked at."""
    ledger.begin(call, 200)
    if not glance.stream:
        await exchange.reply(200, _body(protocol))
        return
    await exchange.begin(200, protocol.stream_headers)
    write = exchange.transport.write
    for chunk in _stream(protocol, include_usage=glance.include_usage):
        # Each event leaves in a packet of its own, as it does from a real provider.
        if exchange.transport.is_closing():
            raise ClientGone
        write(chunk)
        await asyncio.sleep(0)
    await exchange.finish()


def _body(protocol: WireProtocol) -> bytes:
    if (body := _bodies.get(protocol.name)) is None:
        body = _bodies[protocol.name] = protocol.build_body(_answer(["Hello."]))
    return body


def _stream(protocol: WireProtocol, *, include_usage: bool) -> list[bytes]:
    key = (protocol.name, include_usage)
    if (stream := _streams.get(key)) is None:
        # In OpenAI's streams the role and the finish reason are events too.
        answer = _answer([" word"] * (EVENTS - 2))
        ask = Ask(BENCH, "", 10, stream=True, include_usage=include_usage)
        events = protocol.build_stream(answer, ask).whole()
        # Framed as chunks of HTTP, ready for the connection.
        stream = [b"%x\r\n%b\r\n" % (len(event), event) for event in events]
        _streams[key] = stream
    return stream


def _answer(pieces: list[str]) -> Answer:
    usage = Usage(prompt_tokens=10, completion_tokens=len(pieces))
    return Answer("bench", 1_790_000_000, BENCH, [Choice(pieces)], usage)
