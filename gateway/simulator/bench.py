"""The shortest answers, made once: `sim-bench` costs as little as a provider can."""

import asyncio

from gateway.simulator.delivery import SSE
from gateway.simulator.exchange import ClientGone, Exchange
from gateway.simulator.ledger import Call, Ledger
from gateway.simulator.models import BENCH
from gateway.simulator.openai_chat import OpenAIChat
from gateway.simulator.types import JSON, Answer, Ask, Choice, Usage

EVENTS = 50
_PROTOCOL = OpenAIChat()


def _answer(pieces: list[str]) -> Answer:
    usage = Usage(prompt_tokens=10, completion_tokens=len(pieces))
    return Answer("bench", 1_790_000_000, BENCH, [Choice(pieces)], usage)


def _framed(events: list[bytes]) -> list[bytes]:
    """Return the events as chunks of HTTP, ready for the connection."""
    return [b"%x\r\n%b\r\n" % (len(event), event) for event in events]


def _stream(*, include_usage: bool) -> list[bytes]:
    # The role and the finish reason are events too.
    answer = _answer([" word"] * (EVENTS - 2))
    ask = Ask(BENCH, "", 10, stream=True, include_usage=include_usage)
    return _framed(_PROTOCOL.build_stream(answer, ask).whole())


_BODY = _PROTOCOL.build_body(_answer(["Hello."]))
_STREAM = _stream(include_usage=False)
_STREAM_WITH_USAGE = _stream(include_usage=True)


async def answer(exchange: Exchange, body: JSON, ledger: Ledger, call: Call) -> None:
    """Answer a request for `sim-bench`; only its stream options are looked at."""
    ledger.begin(call, 200)
    if body.get("stream") is not True:
        await exchange.reply(200, _BODY)
        return
    options = body.get("stream_options")
    wants_usage = isinstance(options, dict) and options.get("include_usage")
    await exchange.begin(200, SSE)
    write = exchange.transport.write
    for chunk in _STREAM_WITH_USAGE if wants_usage else _STREAM:
        # Each event leaves in a packet of its own, as it does from a real provider.
        if exchange.transport.is_closing():
            raise ClientGone
        write(chunk)
        await asyncio.sleep(0)
    await exchange.finish()
