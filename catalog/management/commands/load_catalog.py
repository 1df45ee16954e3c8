from typing import Any

from django.core.management.base import BaseCommand

from catalog.bundle import BundleRefused
from catalog.loading import load_catalog


class Command(BaseCommand):
    help = (
        "Bring providers, models, prices and aliases of the bundled catalog up to date."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            loaded = load_catalog()
        except BundleRefused as refused:
            # Better to start with the catalog of yesterday than not at all.
            self.stderr.write(f"The catalog was not loaded:\n{refused}")
            return
        if loaded.plan is None:
            self.stdout.write("catalog: nothing new")
            return
        for change in loaded.plan.changes:
            self.stdout.write(str(change))
        for label in loaded.left_alone:
            self.stdout.write(f"left alone, for it was changed here: {label}")
        self.stdout.write(loaded.plan.summary())
