import contextlib
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from usage.adoption import adopt_all, release_quarantined
from usage.ledger import Ledger, LedgerUnavailable


class Command(BaseCommand):
    help = "Ship the usage events that dead processes have left in the spool."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--quarantined",
            action="store_true",
            help="Try the quarantined events again, too.",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        root = settings.SPOOL_DIR
        if options["quarantined"]:
            release_quarantined(root)
        with contextlib.closing(Ledger(root)) as ledger:
            try:
                count = adopt_all(root, ledger)
            except LedgerUnavailable as error:
                msg = f"PostgreSQL cannot be written to ({error}); nothing is lost."
                raise CommandError(msg) from error
        self.stdout.write(f"{count} events shipped.")
