from typing import Any

import pghistory
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.keys import key_id_of
from tenants.models import ApiKey


class Command(BaseCommand):
    help = "Revoke a project key by its prefix; it stops on every process within 2 s."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", help="sb_ and the key id, as the admin shows it")

    def handle(self, *args: Any, prefix: str, **options: Any) -> None:
        key_id = key_id_of(prefix) or prefix.removeprefix("sb_").rstrip("…")
        key = ApiKey.objects.filter(key_id=key_id).select_related("project").first()
        if key is None:
            # A whole key may have been given, so it is not repeated.
            raise CommandError("There is no key of this prefix.")
        if key.revoked_at is not None:
            self.stdout.write(f"{key.prefix} of {key.project} was revoked before.")
            return
        with pghistory.context(actor="revoke_key"):
            key.revoke()
        self.stdout.write(f"{key.prefix} of {key.project} is revoked.")
