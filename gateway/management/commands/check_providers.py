from typing import Any

from django.core.management.base import BaseCommand

from gateway.providers.checks import Finding, Standing, check_all

HEADINGS = ("provider", "key", "standing", "")


class Command(BaseCommand):
    help = "Show which providers are configured and reachable; costs nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = [HEADINGS] + [
            (found.probe.provider.slug, _key(found), found.standing, found.detail)
            for found in check_all()
        ]
        widths = [
            max(len(row[column]) for row in rows) for column in range(len(HEADINGS))
        ]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  ".join(cells).rstrip())


def _key(found: Finding) -> str:
    if found.probe.provider.auth_kind == "none":
        return "not needed"
    if found.standing in {Standing.OFF, Standing.MISSING}:
        return "" if found.standing is Standing.OFF else "missing"
    return "configured"
