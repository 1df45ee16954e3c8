"""A web process under cProfile: `python -m tests.benchmarks.profiled_web FILE …`.

The first SIGUSR1 starts the profile, the second one ends and writes it, so that neither
start nor stop of the server is in it. Further arguments are those of config.web.
"""

import cProfile
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from config import web


class Switch:
    """Starts the profile, then ends it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        # Processor time: waiting, and what else the machine does, is left out
        # of it; calls of built-in functions count for the function that makes them.
        self.profile = cProfile.Profile(time.process_time, builtins=False)
        self.is_on = False

    def __call__(self, signal_number: int, frame: FrameType | None) -> None:
        if not self.is_on:
            self.is_on = True
            self.profile.enable()
            return
        self.profile.disable()
        unfinished = self.file.with_suffix(".part")
        self.profile.dump_stats(unfinished)
        unfinished.rename(self.file)


def main() -> None:
    signal.signal(signal.SIGUSR1, Switch(Path(sys.argv.pop(1))))
    web.main()


if __name__ == "__main__":
    main()
