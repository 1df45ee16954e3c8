from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from catalog.bundle import apply_bundle
from catalog.bundle.files import read_bundle, refusals_as_command_errors


class Command(BaseCommand):
    help = "Make the configuration look like a YAML bundle: all of it, or nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="a YAML bundle, or - for standard input")
        parser.add_argument(
            "--prune", action="store_true", help="also remove what the file leaves out"
        )

    def handle(self, *args: Any, file: str, prune: bool, **options: Any) -> None:
        with refusals_as_command_errors(file):
            plan = apply_bundle(read_bundle(file), actor=f"apply {file}", prune=prune)
        for note in plan.notes:
            self.stderr.write(f"note: {note}")
        for line in plan.lines():
            self.stdout.write(line)
