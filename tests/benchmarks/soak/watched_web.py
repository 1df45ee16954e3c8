"""A web process, started as config.web is, that tells which asyncio tasks it has.

On SIGUSR1 it writes how many there are of each, as JSON, to PID.json in SIGNALBOX_HOME.
"""

import asyncio
import json
import os
import signal
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from config import web


def tell(signal_number: int, frame: FrameType | None) -> None:
    tasks = asyncio.all_tasks(asyncio.get_running_loop())
    counts = Counter(_name(task.get_coro()) for task in tasks)
    file = Path(os.environ["SIGNALBOX_HOME"]) / f"{os.getpid()}.json"
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps(counts))
    unfinished.rename(file)


def _name(coroutine: Any) -> str:
    return str(getattr(coroutine, "__qualname__", coroutine))


def main() -> None:
    signal.signal(signal.SIGUSR1, tell)
    web.main()


if __name__ == "__main__":
    main()
