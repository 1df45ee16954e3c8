import difflib
from typing import Any

import pghistory
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog.protocols import Operation
from tenants.durations import parse_duration
from tenants.models import ApiKey, Project


class Command(BaseCommand):
    help = "Print a new project key, once and alone, on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--name", default="issued by command")
        parser.add_argument("--expires", metavar="TIME", help="e.g. 12h, 90d, 2w")
        parser.add_argument(
            "--scopes",
            default="",
            help="operations that it may use, e.g. chat,embeddings; left out: all",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = _project(options["project"])
        try:
            lifetime = options["expires"] and parse_duration(options["expires"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        with pghistory.context(actor="issue_key"):
            _, text = ApiKey.issue(
                project,
                options["name"],
                expires_at=timezone.now() + lifetime if lifetime else None,
                scopes=_scopes(options["scopes"]),
            )
        self.stdout.write(text)


def _project(slug: str) -> Project:
    project = Project.objects.filter(slug=slug).first()
    if project is not None:
        return project
    near = difflib.get_close_matches(
        slug, Project.objects.values_list("slug", flat=True)
    )
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    raise CommandError(f"There is no project {slug}.{hint}")


def _scopes(text: str) -> list[str]:
    scopes = [name.strip() for name in text.split(",") if name.strip()]
    for name in scopes:
        if name not in Operation.values:
            known = ", ".join(Operation.values)
            raise CommandError(f"{name} is no operation; there are {known}.")
    return scopes
