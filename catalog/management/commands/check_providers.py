from typing import Any

from django.core.management.base import BaseCommand

from catalog.reachability import check, probes

HEADINGS = ("provider", "key", "standing", "")


class Command(BaseCommand):
    help = "Show which providers are configured and reachable; costs nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [HEADINGS] + [
            (found.provider, found.key, found.standing.value, found.detail)
            for found in check(probes())
        ]
        widths = [
            max(len(row[column]) for row in rows) for column in range(len(HEADINGS))
        ]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())
