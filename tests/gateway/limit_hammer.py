"""A process that sends as many requests as it can: URL, amount, period, seconds.

Prints `ready`, waits for a line, then prints how many were admitted.
"""

import asyncio
import sys
import time

import django


async def hammer(url: str, amount: int, per_s: int, seconds: float) -> int:
    # Their records' module needs Django to be set up.
    from gateway.limits.claims import Claim
    from gateway.limits.limiter import Limiter

    limiter = Limiter(url, processes=4, answer_s=10)
    await limiter.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    claims = [Claim("{hammered}:requests", "requests", amount, per_s, 1)]
    until = time.monotonic() + seconds
    admitted = 0

    async def client(name: int) -> None:
        nonlocal admitted
        while time.monotonic() < until:
            verdict = await limiter.admit(claims, f"{name}")
            admitted += verdict.allowed
            if not verdict.allowed:
                await asyncio.sleep(0.002)

    await asyncio.gather(*[client(name) for name in range(8)])
    assert limiter.degraded_decisions == 0
    await limiter.stop()
    return admitted


if __name__ == "__main__":
    django.setup()
    url, amount, per_s, seconds = sys.argv[1:]
    admitted = asyncio.run(hammer(url, int(amount), int(per_s), float(seconds)))
    sys.stdout.write(f"{admitted}\n")
