from typing import Any

import pghistory
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.models import Project
from usage.cache_entries import purge


class Command(BaseCommand):
    help = "Forget kept answers; no process gives them again after 2 s."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="only of this project")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--alias", default="", help="only of this alias")
        what.add_argument("--model", default="", help="only of this provider/model")
        what.add_argument(
            "--all", action="store_true", help="of all projects, where none is named"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        slug, alias, model = options["project"], options["alias"], options["model"]
        if not (slug or alias or model or options["all"]):
            raise CommandError("Say which: --project, --alias, --model or --all.")
        if model and "/" not in model:
            raise CommandError("Name the model as provider/model.")
        project = None
        if slug:
            project = Project.objects.filter(slug=slug).first()
            if project is None:
                raise CommandError(f"There is no project {slug!r}.")
        with pghistory.context(actor="purge_cache"):
            count = purge(project, alias=alias, model=model)
        self.stdout.write(f"{count} answers purged.")
