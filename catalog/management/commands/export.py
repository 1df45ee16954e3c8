from typing import Any

from django.core.management.base import BaseCommand

from catalog.bundle import dump_document, export_bundle


class Command(BaseCommand):
    help = "Print the whole configuration as a YAML bundle that `apply` takes."

    def handle(self, *args: Any, **options: Any) -> None:
        document, notes = export_bundle()
        for note in notes:
            self.stderr.write(f"note: {note}")
        self.stdout.write(dump_document(document) if document else "{}\n", ending="")
