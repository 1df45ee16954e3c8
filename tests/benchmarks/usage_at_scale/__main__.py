"""`python -m tests.benchmarks.usage_at_scale [EVENTS] [--keep FOLDER] [--only TEXT ...]`.

Makes a database of its own with 30 days of events (10,000,000 unless it is said
otherwise) of 20 projects in four organizations up to this moment, sums them up, and times
roll-ups, the rules of alerts and pages. A folder to keep it in is used again by the next
run, which adds the events since.
"""

import argparse
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from config import embedded

_EVENTS = 10_000_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.usage_at_scale")
    parser.add_argument("events", type=int, nargs="?", default=_EVENTS)
    parser.add_argument("--keep", type=Path, help="where the database stays")
    parser.add_argument(
        "--only", nargs="*", default=[], help="time only what has this in its name"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        if options.keep is None:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="signalbox-"))
            )
        else:
            folder = options.keep.resolve()
        servers = stack.enter_context(
            embedded.start(folder, throwaway=options.keep is None)
        )
        os.environ |= {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "SIGNALBOX_HOME": str(folder),
            "DJANGO_SETTINGS_MODULE": "config.settings_test",
        }
        measure(options.events, options.only)


def measure(events: int, only: list[str]) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from tests.benchmarks.usage_at_scale import seeding, timing

    call_command("migrate", verbosity=0)
    seeding.seed(events)
    timing.time_all(only)


if __name__ == "__main__":
    main()
