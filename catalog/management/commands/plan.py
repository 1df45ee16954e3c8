import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.bundle import plan_bundle
from catalog.bundle.files import read_bundle, refusals_as_command_errors

WITH_CHANGES = 2


class Command(BaseCommand):
    help = (
        "Show what `apply FILE` would change. Exit code: 0 nothing, 2 changes, "
        "1 mistakes in the file."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="a YAML bundle, or - for standard input")
        parser.add_argument(
            "--prune", action="store_true", help="also remove what the file leaves out"
        )

    def handle(self, *args: Any, file: str, prune: bool, **options: Any) -> None:
        with refusals_as_command_errors(file):
            plan = plan_bundle(read_bundle(file), prune=prune)
        for note in plan.notes:
            self.stderr.write(f"note: {note}")
        for line in plan.lines():
            self.stdout.write(line)
        if not plan.is_empty:
            sys.exit(WITH_CHANGES)
