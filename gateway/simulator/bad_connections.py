"""The connection fails: too early, too late, too slowly, or half-way."""

from gateway.simulator.delivery import OVERLOADED, Delivery, Spoiled, number_or


async def _send_some(delivery: Delivery, parameter: str) -> None:
    """Begin the answer and stop after some events, or half of a plain body."""
    await delivery.begin()
    if delivery.ask.stream:
        events = delivery.protocol.build_stream(delivery.answer, delivery.ask).events
        await delivery.send_events(events[: int(number_or(parameter, 3))])
    else:
        body = delivery.body()
        await delivery.exchange.write(body[: len(body) // 2])


async def reset(delivery: Delivery, parameter: str) -> None:
    """Reset the connection before any answer."""
    await delivery.exchange.reset()


async def hang(delivery: Delivery, parameter: str) -> None:
    """Never send a header; with a parameter, give up after so many seconds."""
    if parameter:
        await delivery.exchange.pause(float(parameter))
        await delivery.exchange.cut()
    await delivery.exchange.wait_for_ever()


async def slow_first(delivery: Delivery, parameter: str) -> None:
    await delivery.exchange.pause(number_or(parameter, 5))
    await delivery.in_full()


async def slow_event(delivery: Delivery, parameter: str) -> None:
    """Send the head at once, and the first event late."""
    await delivery.begin()
    await delivery.exchange.pause(number_or(parameter, 5))
    await delivery.exchange.write(delivery.whole())
    await delivery.exchange.finish()


async def stall(delivery: Delivery, parameter: str) -> None:
    await _send_some(delivery, parameter)
    await delivery.exchange.wait_for_ever()


async def drip(delivery: Delivery, parameter: str) -> None:
    """Send one byte after another, one a second or as many as the parameter says."""
    await delivery.begin()
    for byte in delivery.whole():
        await delivery.exchange.write(bytes((byte,)))
        await delivery.exchange.pause(1 / (number_or(parameter, 1) or 1))
    await delivery.exchange.finish()


async def truncate(delivery: Delivery, parameter: str) -> None:
    """Close the connection in the middle of the body."""
    await _send_some(delivery, parameter)
    delivery.exchange.raw(b"400\r\ndata: {")
    await delivery.exchange.cut()


async def no_done(delivery: Delivery, parameter: str) -> None:
    """End cleanly, but before the answer is complete."""
    await _send_some(delivery, parameter)
    await delivery.exchange.finish()


async def no_done_finished(delivery: Delivery, parameter: str) -> None:
    """Leave out the terminator alone."""
    if not delivery.ask.stream:
        await delivery.in_full()
        return
    stream = delivery.protocol.build_stream(delivery.answer, delivery.ask)
    stream.terminator.clear()
    await delivery.begin()
    await delivery.send_events(stream.whole())
    await delivery.exchange.finish()


async def error_midstream(delivery: Delivery, parameter: str) -> None:
    if not delivery.ask.stream:
        await delivery.send_unbilled(delivery.protocol.build_error(OVERLOADED))
        return
    await _send_some(delivery, parameter)
    is_first = not delivery.call.events_sent
    event = delivery.protocol.build_error_event(OVERLOADED, is_first=is_first)
    await delivery.exchange.write(event)
    await delivery.exchange.finish()


DELIVERIES: dict[str, Spoiled] = {
    "reset": reset,
    "hang": hang,
    "slow-first": slow_first,
    "slow-event": slow_event,
    "stall": stall,
    "drip": drip,
    "truncate": truncate,
    "no-done": no_done,
    "no-done-finished": no_done_finished,
    "error-midstream": error_midstream,
}
