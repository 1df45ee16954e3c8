"""A process that prints each context window of a model, and when it saw it."""

import asyncio
import sys
import time

import django


async def watch(model_pk: int) -> None:
    from gateway.configuration.snapshot import Snapshot

    snapshot = Snapshot()
    await snapshot.start()
    seen: int | None = None
    while seen != 0:
        window = snapshot.catalog.models[model_pk].context_window
        if window != seen:
            seen = window
            sys.stdout.write(f"{seen} {time.time()}\n")
            sys.stdout.flush()
        await asyncio.sleep(0.002)
    await snapshot.stop()


if __name__ == "__main__":
    django.setup()
    asyncio.run(watch(int(sys.argv[1])))
