"""Requests while something goes wrong, and what became of each."""

import asyncio
import itertools
import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp

# It must be found nowhere: not in a log, not in the spool, not in the database.
CANARY = "canary-1f7b0c52-never-write-this-down"
PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class Answer:
    """One request; status 0 means that the connection broke."""

    began: float
    url: str
    streamed: bool
    seconds: float = 0.0
    status: int = 0
    # A stream is complete when its terminator came.
    complete: bool = False
    is_local: bool = False
    provider: str = ""
    error: str = ""

    @property
    def went_well(self) -> bool:
        return self.status == 200 and self.complete


@dataclass
class Load:
    """Sends from a thread of its own, until the `with` block is left.

    Plain requests come at a rate, whatever the answers do; a number of clients read one
    stream after the other. Web processes are taken in turn.
    """

    urls: Sequence[str]
    key: str
    rate: float = 0.0
    streams: int = 0
    plain_model: str = "quick"
    stream_model: str = "stream"
    answers: list[Answer] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._turn = itertools.cycle(self.urls)
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
        self.stop()

    def stop(self) -> None:
        """Send nothing more, and wait for what is under way."""
        self._stopping.set()
        self._thread.join(2 * PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "requests that never end"

    def between(self, start: float, end: float) -> list[Answer]:
        return [each for each in self.answers if start <= each.began < end]

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector) as http,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(self.streams):
                group.create_task(self._read_streams(http))
            if self.rate:
                group.create_task(self._send_plain(http, group))

    async def _send_plain(
        self, http: aiohttp.ClientSession, group: asyncio.TaskGroup
    ) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            due += 1 / self.rate
            group.create_task(ask(http, next(self._turn), self.key, self, stream=False))
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _read_streams(self, http: aiohttp.ClientSession) -> None:
        while not self._stopping.is_set():
            answer = await ask(http, next(self._turn), self.key, self, stream=True)
            if not answer.went_well:
                await asyncio.sleep(0.05)


async def ask(
    http: aiohttp.ClientSession, url: str, key: str, load: Load, *, stream: bool
) -> Answer:
    """Send one request, read all of its answer and note it; never raises."""
    answer = Answer(time.monotonic(), url, stream)
    body = {
        "model": load.stream_model if stream else load.plain_model,
        "messages": [{"role": "user", "content": f"Hello {CANARY}"}],
        "stream": stream,
    }
    headers = {"authorization": f"Bearer {key}"}
    try:
        async with http.post(
            f"{url}/v1/chat/completions", json=body, headers=headers
        ) as response:
            content = await response.read()
            answer.status = response.status
            answer.provider = response.headers.get("x-signalbox-provider", "")
            answer.is_local = response.headers.get("x-signalbox-limits") == "local"
            answer.complete = not stream or content.endswith(b"data: [DONE]\n\n")
            if not (answer.status == 200 and answer.complete):
                answer.error = content[-200:].decode(errors="replace")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        answer.error = repr(error)
    answer.seconds = time.monotonic() - answer.began
    load.answers.append(answer)
    return answer


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
