import difflib
from typing import Any

import pghistory
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog.protocols import Operation
from tenants.durations import parse_duration
from tenants.models import ApiKey, Project
from tenants.models.api_key import check_networks
from tenants.scopes import Scope


class Command(BaseCommand):
    help = "Print a new project key, once and alone, on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("--name", default="issued by command")
        parser.add_argument("--expires", metavar="TIME", help="e.g. 12h, 90d, 2w")
        parser.add_argument(
            "--scopes",
            default="",
            help="what it may be used for, e.g. chat,embeddings; left out: all",
        )
        parser.add_argument(
            "--aliases",
            default="",
            help="aliases and models that it may name, e.g. fast; left out: all",
        )
        parser.add_argument(
            "--networks",
            default="",
            help="where it may be used from, e.g. 10.0.0.0/8; left out: anywhere",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        project = _project(options["project"])
        try:
            lifetime = options["expires"] and parse_duration(options["expires"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        networks = _names_in(options["networks"])
        try:
            check_networks(networks)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from error
        with pghistory.context(actor="issue_key"):
            _, text = ApiKey.issue(
                project,
                options["name"],
                expires_at=timezone.now() + lifetime if lifetime else None,
                scopes=_scopes(options["scopes"]),
                aliases=_names_in(options["aliases"]),
                allowed_networks=networks,
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
    scopes, known = _names_in(text), [*Operation.values, *Scope.values]
    for name in scopes:
        if name not in known:
            listed = ", ".join(known)
            raise CommandError(f"{name} is no scope; there are {listed}.")
    return scopes


def _names_in(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
