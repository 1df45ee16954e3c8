from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from catalog.models import AIModel
from tenants.models import Project
from usage.models import Rerating
from usage.price_book.rerating import rerate


class Command(BaseCommand):
    help = "Pay a stretch of past usage by the price book as it is now."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="begin", required=True, type=_moment)
        parser.add_argument("--to", dest="end", required=True, type=_moment)
        parser.add_argument("--model", help="provider/model_id; otherwise all")
        parser.add_argument("--project", help="slug; otherwise all")
        parser.add_argument("--reason", required=True)

    def handle(self, *_: Any, **options: Any) -> None:
        row = Rerating(
            begins_at=options["begin"],
            ends_at=options["end"],
            model=_model(options["model"]),
            project=_project(options["project"]),
            reason=options["reason"],
        )
        try:
            row.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        row.save()
        rerate(row.pk)
        row.refresh_from_db()
        self.stdout.write(
            f"{row.checked} events looked at, {row.adjustments} adjustments booked, "
            f"{row.difference_usd:f} USD."
        )


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _model(name: str | None) -> AIModel | None:
    if name is None:
        return None
    provider, _, model_id = name.partition("/")
    rows = AIModel.objects.filter(provider__slug=provider, model_id=model_id)
    found: AIModel | None = rows.first()
    if found is None:
        msg = f"There is no model {name}."
        raise CommandError(msg)
    return found


def _project(slug: str | None) -> Project | None:
    if slug is None:
        return None
    found: Project | None = Project.objects.filter(slug=slug).first()
    if found is None:
        msg = f"There is no project {slug}."
        raise CommandError(msg)
    return found
