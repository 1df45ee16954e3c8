"""Who is let through first where only a few may pass at once."""

import asyncio

import pytest

from workflows.engine.turnstile import Turnstile


class Visitors:
    """Those in capitals hurry. Each stays for a moment."""

    def __init__(self, at_once: int) -> None:
        self.turnstile = Turnstile(at_once)
        self.passed: list[str] = []
        self.within = 0
        self.most_within = 0

    def send(self, names: str) -> list[asyncio.Task[None]]:
        return [asyncio.create_task(self._visit(name)) for name in names]

    async def _visit(self, name: str) -> None:
        async with self.turnstile.passing(hurries=name.isupper()):
            self.passed.append(name)
            self.within += 1
            self.most_within = max(self.most_within, self.within)
            await asyncio.sleep(0.01)
            self.within -= 1


@pytest.mark.parametrize("at_once", [1, 2])
def test_who_hurries_goes_before_who_has_waited_longer(at_once: int) -> None:
    async def run() -> Visitors:
        visitors = Visitors(at_once)
        await asyncio.gather(*visitors.send("xy"[:at_once] + "abCdE"))
        return visitors

    visitors = asyncio.run(run())

    assert "".join(visitors.passed) == "xy"[:at_once] + "CEabd"
    assert visitors.most_within == at_once


def test_who_gives_up_takes_nobodys_place() -> None:
    async def run() -> Visitors:
        visitors = Visitors(1)
        _, waits, _, passes = tasks = visitors.send("aBCd")
        await asyncio.sleep(0)
        waits.cancel()
        await asyncio.sleep(0.025)
        # It was let through, and is called off while it passes.
        assert visitors.passed[-1] == "d"
        passes.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait_for(asyncio.gather(*visitors.send("e")), 1)
        return visitors

    assert asyncio.run(run()).passed == ["a", "C", "d", "e"]


def test_a_place_that_is_handed_to_one_who_gives_up_is_handed_on() -> None:
    async def run() -> Visitors:
        visitors = Visitors(1)
        entered = visitors.turnstile.passing(hurries=False)
        await entered.__aenter__()
        (waits,) = visitors.send("a")
        await asyncio.sleep(0)
        await entered.__aexit__(None, None, None)
        # The place is its own already, and it has not run since.
        waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)
        await asyncio.wait_for(asyncio.gather(*visitors.send("b")), 1)
        return visitors

    assert asyncio.run(run()).passed == ["b"]
