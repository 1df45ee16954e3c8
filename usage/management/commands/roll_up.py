from typing import Any

from django.core.management.base import BaseCommand

from usage.rollups import roll_up


class Command(BaseCommand):
    help = "Bring hourly and daily usage up to date."

    def handle(self, *_: Any, **__: Any) -> None:
        self.stdout.write(f"{roll_up()} hours rolled up.")
