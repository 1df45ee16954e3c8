from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.key_rotation import keks_in_use, newest_id, rotate


class Command(BaseCommand):
    help = (
        "Wrap all data keys under the newest key of SIGNALBOX_KEK. It may run while "
        "everything is served, be broken off, and be run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="only tell which keys are in use"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"]:
            done = rotate()
            self.stdout.write(f"{done.rotated} data keys now under {done.newest}.")
            if done.unreadable:
                msg = (
                    f"{done.unreadable} data keys do not open: put the keys that wrap "
                    "them back into SIGNALBOX_KEK."
                )
                raise CommandError(msg)
        for kek_id, count in sorted(keks_in_use().items()):
            kept = "" if kek_id == newest_id() else ", so it must stay in SIGNALBOX_KEK"
            self.stdout.write(f"{kek_id} wraps {count} data keys{kept}.")
