from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from catalog.data.refresh import refresh_files


class Command(BaseCommand):
    help = "Add to the files of the bundled catalog the prices that genai-prices has."

    def handle(self, *args: Any, **options: Any) -> None:
        for provider, added in refresh_files(timezone.now().date()):
            self.stdout.write(f"{provider}: {added} prices added")
