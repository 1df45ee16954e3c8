from typing import Any

import pghistory
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tenants.durations import parse_duration
from tenants.models import OperatorToken
from tenants.roles import reach_of


class Command(BaseCommand):
    help = "Print a new token for the control API, once and alone, on standard output."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("user", help="user name of somebody who has a role")
        parser.add_argument("--name", default="issued by command")
        parser.add_argument("--expires", metavar="TIME", help="e.g. 12h, 90d, 2w")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["user"]
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name}.")
        if not reach_of(user):
            raise CommandError(f"{name} has no role here, or has been deactivated.")
        try:
            lifetime = options["expires"] and parse_duration(options["expires"])
        except ValueError as error:
            raise CommandError(str(error)) from error
        with pghistory.context(actor="issue_operator_token"):
            _, text = OperatorToken.issue(
                user,
                options["name"],
                expires_at=timezone.now() + lifetime if lifetime else None,
            )
        self.stdout.write(text)
