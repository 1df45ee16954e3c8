"""The connection is well, and what it carries is not."""

import gzip
import re
import zlib
from dataclasses import replace

from gateway.simulator.delivery import OVERLOADED, Delivery, Spoiled, number_or
from gateway.simulator.types import EVENT_STREAM, Choice

_MEGABYTE = 1024 * 1024
_MODEL = re.compile(rb'("model(?:Version)?":)')
_NUMBER = re.compile(rb'("(?:created|input_tokens|promptTokenCount)":)')
_HTML = (
    b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head>"
    b"<body><h1>502 Bad Gateway</h1><p>Ray ID: 7d1a</p></body></html>"
)


async def error_200(delivery: Delivery, parameter: str) -> None:
    """Answer 200 with the body, or the first event, of an error."""
    if delivery.ask.stream:
        data = delivery.protocol.build_error_event(OVERLOADED, is_first=True)
    else:
        data = delivery.protocol.build_error(OVERLOADED)
    await delivery.send_unbilled(data)


async def html(delivery: Delivery, parameter: str) -> None:
    status = int(number_or(parameter, 200))
    await delivery.exchange.reply(status, _HTML, kind=b"text/html; charset=utf-8")


async def empty(delivery: Delivery, parameter: str) -> None:
    if delivery.ask.stream:
        await delivery.send_unbilled(b"")
    else:
        await delivery.exchange.reply(200, b"")


async def huge(delivery: Delivery, parameter: str) -> None:
    """Send so many megabytes, 64 unless told otherwise."""
    await delivery.begin()
    if delivery.ask.stream:
        events = delivery.protocol.build_stream(delivery.answer, delivery.ask).events
        part = b"".join(events)
        part *= max(1, _MEGABYTE // len(part))
    else:
        part = b" " * _MEGABYTE
    for _ in range(int(number_or(parameter, 64))):
        await delivery.exchange.write(part)
    await delivery.exchange.write(delivery.whole())
    await delivery.exchange.finish()


async def endless(delivery: Delivery, parameter: str) -> None:
    """Go on until the client leaves."""
    await delivery.begin()
    events = delivery.protocol.build_stream(delivery.answer, delivery.ask).events
    part = b"".join(events) if delivery.ask.stream else b" " * 1024
    while True:
        await delivery.exchange.write(part)


async def hugeline(delivery: Delivery, parameter: str) -> None:
    """Send so many megabytes, 8 unless told otherwise, without a line break."""
    word = "x" * (int(number_or(parameter, 8)) * _MEGABYTE)
    long = replace(delivery.answer, choices=[Choice([word])])
    events = delivery.protocol.build_stream(long, delivery.ask).events
    await delivery.send(max(events, key=len))


async def bad_utf8(delivery: Delivery, parameter: str) -> None:
    await delivery.send(delivery.whole().replace(b"simulated", b"sim\xff\xc3("))


async def fragments(delivery: Delivery, parameter: str) -> None:
    """Break the bytes at places that mean nothing, seven at a time."""
    data, size = delivery.whole(), int(number_or(parameter, 7))
    await delivery.begin()
    for at in range(0, len(data), size):
        await delivery.exchange.write(data[at : at + size])
    await delivery.exchange.finish()


async def odd_sse(delivery: Delivery, parameter: str) -> None:
    """Use what the SSE standard allows and few providers do."""
    if not delivery.ask.stream or delivery.protocol.stream_headers != EVENT_STREAM:
        await delivery.in_full()
        return
    data = b"\xef\xbb\xbf: hello\r\n\r\nretry: 3000\r\n"
    for number, event in enumerate(delivery.events()):
        lines = event.rstrip().replace(b"data: ", b"data:").splitlines()
        end = (b"\r\n", b"\n", b"\r")[number % 3]
        data += end.join([b"id: %d" % number, *lines, b"", b""])
    await delivery.send(data)


async def json_for_stream(delivery: Delivery, parameter: str) -> None:
    """Answer in one piece although a stream was asked for."""
    delivery.bill()
    await delivery.exchange.reply(200, delivery.body())


async def gzipped(delivery: Delivery, parameter: str) -> None:
    """Compress although nobody asked for it; `gzip-twice` does so two times."""
    data = gzip.compress(delivery.whole())
    encoding = b"gzip"
    if parameter == "twice":
        data, encoding = gzip.compress(data), b"gzip, gzip"
    await _send_encoded(delivery, data, encoding)


async def gzip_bomb(delivery: Delivery, parameter: str) -> None:
    """Send little that unpacks to so many megabytes, 256 unless told otherwise."""
    packer = zlib.compressobj(9, wbits=31)
    block = b" " * _MEGABYTE
    packed = [packer.compress(block) for _ in range(int(number_or(parameter, 256)))]
    await _send_encoded(delivery, b"".join(packed) + packer.flush(), b"gzip")


async def _send_encoded(delivery: Delivery, data: bytes, encoding: bytes) -> None:
    await delivery.latency()
    await delivery.begin_stream([*delivery.kind(), (b"content-encoding", encoding)])
    await delivery.exchange.write(data)
    await delivery.exchange.finish()


async def redirect(delivery: Delivery, parameter: str) -> None:
    host = delivery.exchange.head.header(b"host") or "localhost"
    place = f"http://{host}/sim/redirected".encode("latin-1")
    status = int(number_or(parameter, 307))
    await delivery.exchange.reply(status, b"{}", [(b"location", place)])


async def set_cookie(delivery: Delivery, parameter: str) -> None:
    """Send headers that nobody may pass on, with an answer that is well."""
    hostile = (
        (b"set-cookie", b"session=stolen; Path=/"),
        (b"connection", b"x-hop"),
        (b"x-hop", b"1"),
        (b"proxy-authenticate", b"Basic"),
        (b"access-control-allow-origin", b"*"),
        (b"location", b"https://elsewhere.example/"),
        (b"x-signalbox-cost-usd", b"0"),
        (b"x-signalbox-provider", b"forged"),
    )
    await delivery.latency()
    await delivery.begin_stream([*delivery.kind(), *hostile])
    await delivery.exchange.write(delivery.whole())
    await delivery.exchange.finish()


async def bad_header(delivery: Delivery, parameter: str) -> None:
    """Send a header value with a line break and a control character in it."""
    delivery.bill()
    body = delivery.body()
    delivery.exchange.raw(
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        b"x-request-id: a\rset-cookie: injected=1\x01\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    await delivery.exchange.cut()


async def duplicate_keys(delivery: Delivery, parameter: str) -> None:
    """Name the model twice wherever it is named."""
    await delivery.send(_MODEL.sub(rb'\1"sim-duplicate",\1', delivery.whole()))


async def not_a_number(delivery: Delivery, parameter: str) -> None:
    """Put NaN, which is no JSON, where a number is due."""
    await delivery.send(_NUMBER.sub(rb'\1NaN,"was":', delivery.whole()))


DELIVERIES: dict[str, Spoiled] = {
    "error-200": error_200,
    "html": html,
    "empty": empty,
    "huge": huge,
    "endless": endless,
    "hugeline": hugeline,
    "badutf8": bad_utf8,
    "fragments": fragments,
    "odd-sse": odd_sse,
    "json-for-stream": json_for_stream,
    "gzip": gzipped,
    "gzip-bomb": gzip_bomb,
    "redirect": redirect,
    "set-cookie": set_cookie,
    "bad-header": bad_header,
    "duplicate-keys": duplicate_keys,
    "nan": not_a_number,
}
