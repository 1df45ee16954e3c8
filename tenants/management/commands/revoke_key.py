from typing import Any

import pghistory
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tenants.keys import key_id_of
from tenants.models import ApiKey, Project
from tenants.models.api_key import IMPORTED_PREFIX


class Command(BaseCommand):
    help = (
        "Revoke project keys, by their prefixes or all of a project; they stop on "
        "every process within 2 s."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "prefix", nargs="*", help="sb_ and the key id, as the admin shows it"
        )
        parser.add_argument(
            "--project", metavar="SLUG", help="all keys of this project that still work"
        )

    def handle(
        self, *args: Any, prefix: list[str], project: str | None, **options: Any
    ) -> None:
        if bool(prefix) == bool(project):
            raise CommandError("Name keys by their prefixes, or a --project.")
        with pghistory.context(actor="revoke_key"):
            if project:
                self._revoke_all(project)
            else:
                # Of all or none: a mistyped one must not go unnoticed.
                for key in [_find(each) for each in prefix]:
                    self._revoke(key)

    def _revoke(self, key: ApiKey) -> None:
        if key.revoked_at is not None:
            self.stdout.write(f"{key.prefix} of {key.project} was revoked before.")
            return
        key.revoke()
        self.stdout.write(f"{key.prefix} of {key.project} is revoked.")

    def _revoke_all(self, slug: str) -> None:
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            raise CommandError(f"There is no project {slug}.")
        working = ApiKey.objects.for_project(project).filter(revoked_at=None)
        count = working.update(revoked_at=timezone.now())
        self.stdout.write(f"{count} keys of {project} are revoked.")


def _find(prefix: str) -> ApiKey:
    found = ApiKey.objects.select_related("project")
    if prefix.startswith(IMPORTED_PREFIX):
        start = prefix.removeprefix(IMPORTED_PREFIX).rstrip("…")
        keys = list(found.filter(imported=True, key_id__startswith=start)[:2])
        key: ApiKey | None = keys[0] if start and len(keys) == 1 else None
    else:
        key_id = key_id_of(prefix) or prefix.removeprefix("sb_").rstrip("…")
        key = found.filter(key_id=key_id).first()
    if key is None:
        # A whole key may have been given, so it is not repeated.
        raise CommandError("There is no key of this prefix.")
    return key
