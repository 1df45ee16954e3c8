"""An answer on its way to the client: after its latency, at its pace."""

from collections.abc import Awaitable, Callable

from gateway.simulator.behaviour import Behaviour
from gateway.simulator.exchange import JSON_TYPE, Exchange
from gateway.simulator.ledger import Call, Ledger
from gateway.simulator.types import Answer, Ask, Failure, Headers, WireProtocol

OVERLOADED = Failure(503, "overloaded", "The server is currently overloaded.")


def number_or(parameter: str, default: float) -> float:
    return float(parameter) if parameter else default


class Delivery:
    """An answer on its way: what it says, to whom, and how fast."""

    __slots__ = ("answer", "ask", "behaviour", "call", "exchange", "ledger", "protocol")

    def __init__(
        self,
        exchange: Exchange,
        protocol: WireProtocol,
        ask: Ask,
        answer: Answer,
        behaviour: Behaviour,
        ledger: Ledger,
        call: Call,
    ) -> None:
        self.exchange = exchange
        self.protocol = protocol
        self.ask = ask
        self.answer = answer
        self.behaviour = behaviour
        self.ledger = ledger
        self.call = call

    async def latency(self) -> None:
        await self.exchange.pause(self.behaviour.latency_ms / 1000)

    def bill(self, status: int = 200) -> None:
        """Note that the answer begins now."""
        if self.ask.is_free:
            self.call.status = status
        else:
            self.ledger.begin(self.call, status)
        if self.answer.usage is not None:
            self.call.prompt_tokens = self.answer.usage.prompt_tokens
            self.call.completion_tokens = self.answer.usage.completion_tokens

    async def begin_stream(self, headers: Headers) -> None:
        self.bill()
        await self.exchange.begin(200, headers)

    async def send_events(self, events: list[bytes]) -> None:
        pace = self.behaviour.pace_ms / 1000
        for event in events:
            if pace and self.call.events_sent:
                await self.exchange.pause(pace)
            await self.exchange.write(event)
            self.call.events_sent += 1

    def events(self) -> list[bytes]:
        return self.protocol.build_stream(self.answer, self.ask).whole()

    def body(self) -> bytes:
        return self.protocol.build_body(self.answer)

    async def begin(self) -> None:
        """Send the head of whichever answer was asked for, after the latency."""
        await self.latency()
        await self.begin_stream(self.kind())

    @property
    def body_type(self) -> bytes:
        """The content type of a whole answer; a sound says its own."""
        kind: bytes = getattr(self.protocol, "body_type", JSON_TYPE)
        return kind

    def kind(self) -> Headers:
        if self.ask.stream:
            return self.protocol.stream_headers
        return ((b"content-type", self.body_type),)

    def whole(self) -> bytes:
        return b"".join(self.events()) if self.ask.stream else self.body()

    async def send(self, data: bytes) -> None:
        """Send this instead of what was to be said; it is billed all the same."""
        await self.begin()
        await self.exchange.write(data)
        await self.exchange.finish()

    async def send_unbilled(self, data: bytes) -> None:
        """Send what only looks like an answer."""
        await self.latency()
        self.call.status = 200
        await self.exchange.begin(200, self.kind())
        await self.exchange.write(data)
        await self.exchange.finish()

    async def in_full(self) -> None:
        """Deliver everything, as a provider does on a good day."""
        await self.latency()
        if self.ask.stream:
            await self.begin_stream(self.protocol.stream_headers)
            await self.send_events(self.events())
            await self.exchange.finish()
        else:
            self.bill()
            await self.exchange.reply(200, self.body(), kind=self.body_type)


# Does something else than delivering in full; the text is the fault's parameter.
Spoiled = Callable[[Delivery, str], Awaitable[None]]
