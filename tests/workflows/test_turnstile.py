"""Who is let through first where only a few may pass at once."""

import asyncio

import pytest

from workflows.engine.turnstile import Turnstile


class Visitors:
    """Those in capitals hurry. Each stays until the house is open."""

    def __init__(self, at_once: int) -> None:
        self.turnstile = Turnstile(at_once)
        self.open = asyncio.Event()
        self.passed: list[str] = []
        self.within = 0
        self.most_within = 0

    async def send(self, names: str) -> list[asyncio.Task[None]]:
        """Send them; those who may have entered then, the others wait."""
        tasks = [asyncio.create_task(self._visit(name)) for name in names]
        await asyncio.sleep(0)
        return tasks

    async def _visit(self, name: str) -> None:
        async with self.turnstile.passing(hurries=name.isupper()):
            self.passed.append(name)
            self.within += 1
            self.most_within = max(self.most_within, self.within)
            await self.open.wait()
            await asyncio.sleep(0)
            self.within -= 1


@pytest.mark.parametrize("at_once", [1, 2])
def test_who_hurries_goes_before_who_has_waited_longer(at_once: int) -> None:
    async def run() -> Visitors:
        visitors = Visitors(at_once)
        tasks = await visitors.send("xy"[:at_once] + "abCdE")
        visitors.open.set()
        await asyncio.gather(*tasks)
        return visitors

    visitors = asyncio.run(run())

    assert "".join(visitors.passed) == "xy"[:at_once] + "CEabd"
    assert visitors.most_within == at_once


def test_who_gives_up_takes_nobodys_place() -> None:
    async def run() -> Visitors:
        visitors = Visitors(1)
        _, waits, *_ = tasks = await visitors.send("aBCd")
        waits.cancel()
        visitors.open.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        visitors.open.clear()
        (passes,) = await visitors.send("e")
        passes.cancel()
        await asyncio.gather(passes, return_exceptions=True)
        visitors.open.set()
        await asyncio.gather(*await visitors.send("f"))
        return visitors

    assert asyncio.run(run()).passed == ["a", "C", "d", "e", "f"]


def test_a_place_that_is_handed_to_one_who_gives_up_is_handed_on() -> None:
    async def run() -> Visitors:
        visitors = Visitors(1)
        entered = visitors.turnstile.passing(hurries=False)
        await entered.__aenter__()
        (waits,) = await visitors.send("a")
        await entered.__aexit__(None, None, None)
        # The place is its own already, and it has not run since.
        waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)
        visitors.open.set()
        await asyncio.gather(*await visitors.send("b"))
        return visitors

    assert asyncio.run(run()).passed == ["b"]
