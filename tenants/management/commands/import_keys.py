from pathlib import Path
from typing import Any

import pghistory
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.key_import import ImportRefused, import_digests
from tenants.models import Project


class Command(BaseCommand):
    help = (
        "Let keys go on working that another system issued: from a file with the "
        "SHA-256 of each key in hexadecimal on a line of its own, and a name after it "
        "if there is one. The keys are flagged as imported, to be renewed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("project", help="the project's slug")
        parser.add_argument("file", help="the file of digests")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']}.")
        try:
            text = Path(options["file"]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The file cannot be read: {error}.") from error
        try:
            with pghistory.context(actor="import_keys"):
                found = import_digests(project, text)
        except ImportRefused as refusal:
            raise CommandError("\n".join(refusal.mistakes)) from refusal
        self.stdout.write(
            f"{found.imported} imported for {project}, {found.known} known before."
        )
