"""Sends the mixture at a rate, whatever the answers do, and notes what became of it."""

import asyncio
import itertools
import random
import threading
import time
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

from tests.benchmarks.soak.kinds import KINDS, Kind
from tests.durability.load import CANARY

_PATIENCE_S = 30.0
_SEED = 20260101


@dataclass
class Tally:
    """What became of one kind of request."""

    sent: int = 0
    cut: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    # What must not be: a status or an end that the kind does not have, a broken line.
    wrong: list[str] = field(default_factory=list)


@dataclass
class Traffic:
    """Sends from a thread of its own, until the `with` block is left."""

    urls: Sequence[str]
    keys: Mapping[str, str]
    rate: float
    tallies: dict[str, Tally] = field(
        default_factory=lambda: {kind.name: Tally() for kind in KINDS}
    )
    # Of the requests that were answered well; each must be an event.
    answered: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._chance = random.Random(_SEED)
        self._turn = itertools.cycle(self.urls)
        self._weights = [kind.weight for kind in KINDS]
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(2 * _PATIENCE_S)

    @property
    def hangs(self) -> bool:
        """Whether a request has not ended though nothing is sent any more."""
        return self._thread.is_alive()

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_S)
        async with (
            aiohttp.ClientSession(
                timeout=timeout, connector=aiohttp.TCPConnector(limit=0)
            ) as http,
            asyncio.TaskGroup() as group,
        ):
            due = time.monotonic()
            while not self._stopping.is_set():
                due += 1 / self.rate
                kind = self._chance.choices(KINDS, self._weights)[0]
                group.create_task(self._ask(http, kind))
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _ask(self, http: aiohttp.ClientSession, kind: Kind) -> None:
        """Send one request and read its answer, as far as its client does."""
        tally = self.tallies[kind.name]
        tally.sent += 1
        began = time.monotonic()
        try:
            async with asyncio.timeout(kind.leaves_after_s or None):
                await self._read(http, kind, tally)
        except TimeoutError:
            if not kind.is_cut:
                tally.wrong.append("no answer in time")
            tally.cut += 1
            return
        except (aiohttp.ClientError, OSError) as error:
            tally.wrong.append(repr(error)[:200])
            return
        tally.seconds.append(time.monotonic() - began)

    async def _read(
        self, http: aiohttp.ClientSession, kind: Kind, tally: Tally
    ) -> None:
        number = self._chance.randrange(kind.prompts or 10**12)
        prompt = f"Question {number} {CANARY}"
        key = kind.key or self.keys[kind.project]
        async with http.post(
            f"{next(self._turn)}{kind.path}",
            json=kind.body(prompt),
            headers={"authorization": f"Bearer {key}"},
        ) as response:
            tally.statuses[response.status] += 1
            if kind.leaves_after_pieces and response.status in kind.statuses:
                for _ in range(kind.leaves_after_pieces):
                    await response.content.readany()
                tally.cut += 1
                response.close()
                return
            content = await response.read()
            if response.status not in kind.statuses:
                tally.wrong.append(f"{response.status}: {content[:200]!r}")
            elif response.status == 200:
                if kind.marks and not any(mark in content for mark in kind.marks):
                    tally.wrong.append(f"ends with {content[-200:]!r}")
                self.answered.add(response.headers["x-request-id"])
