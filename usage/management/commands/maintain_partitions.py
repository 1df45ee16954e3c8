from typing import Any

from django.core.management.base import BaseCommand

from usage import partitions


class Command(BaseCommand):
    help = "Make the daily partitions of usage events ahead, and drop the old ones."

    def handle(self, *_: Any, **__: Any) -> None:
        for day in partitions.make_ahead():
            self.stdout.write(f"{day} made.")
        for day in partitions.drop_old():
            self.stdout.write(f"{day} dropped.")
