"""Processes that send as many requests as they can: URL, amount, period, seconds, processes.

Prints how many were admitted in all, and the seconds from the first to the last of them.
The processes are forked from one that has imported everything.
"""

import asyncio
import multiprocessing
import sys
import time
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

import django


async def hammer(
    url: str, amount: int, per_s: int, seconds: float, start: Barrier
) -> tuple[int, float, float]:
    """Return how many were admitted, and between which moments."""
    # Their records' module needs Django to be set up.
    from gateway.limits.claims import Claim
    from gateway.limits.limiter import Limiter

    limiter = Limiter(url, processes=4, answer_s=10)
    await limiter.start()
    start.wait()
    claims = [Claim("{hammered}:requests", "requests", amount, per_s, 1)]
    began = time.monotonic()
    admitted = 0

    async def client(name: int) -> None:
        nonlocal admitted
        while time.monotonic() < began + seconds:
            verdict = await limiter.admit(claims, f"{name}")
            admitted += verdict.allowed
            if not verdict.allowed:
                await asyncio.sleep(0.002)

    await asyncio.gather(*[client(name) for name in range(8)])
    ended = time.monotonic()
    assert limiter.degraded_decisions == 0
    await limiter.stop()
    return admitted, began, ended


def tell(
    pipe: Connection, url: str, amount: int, per_s: int, seconds: float, start: Barrier
) -> None:
    pipe.send(asyncio.run(hammer(url, amount, per_s, seconds, start)))


def main(url: str, amount: int, per_s: int, seconds: float, count: int) -> None:
    import gateway.limits.limiter  # noqa: F401

    context = multiprocessing.get_context("fork")
    start = context.Barrier(count, timeout=60)
    pipes, processes = [], []
    for _ in range(count):
        ours, theirs = context.Pipe(duplex=False)
        arguments = (theirs, url, amount, per_s, seconds, start)
        processes.append(context.Process(target=tell, args=arguments))
        processes[-1].start()
        theirs.close()
        pipes.append(ours)
    # Whoever ended without a word raises EOFError here.
    told = [pipe.recv() for pipe in pipes]
    for process in processes:
        process.join()
    admitted = sum(each for each, _, _ in told)
    took = max(ended for _, _, ended in told) - min(began for _, began, _ in told)
    sys.stdout.write(f"{admitted} {took}\n")


if __name__ == "__main__":
    django.setup()
    url, amount, per_s, seconds, count = sys.argv[1:]
    main(url, int(amount), int(per_s), float(seconds), int(count))
