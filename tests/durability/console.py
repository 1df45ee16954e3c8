"""What an operator does, in a process that has Django.

Run as `python -m tests.durability.console`, it reads one JSON object a
line, `{"do": …}` with arguments, and answers with another.
"""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from config.embedded import CHECKOUT

# Aliases, and the simulator's models behind them.
MODELS = {
    "quick": "sim-bench-quick",
    "slow": "sim-chat-latency-40",
    "stream": "sim-chat-pace-20-events-15",
    "long": "sim-chat-pace-100-events-30",
    "endless": "sim-chat-pace-500-events-200",
}
RED, BLUE = "sim-bench-red", "sim-bench-blue"


class Console:
    """The other end of the line."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.durability.console"],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, what: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the console ended"
        return json.loads(answer)

    def make_catalog(self, simulator_url: str) -> None:
        self.do("make_catalog", url=simulator_url)

    def new_key(
        self, project: str = "main", limits: list[tuple[str, int, str]] | None = None
    ) -> str:
        """Return a new key of a project, which is made when it is new."""
        key: str = self.do("new_key", project=project, limits=limits)
        return key

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()


def make_catalog(url: str) -> None:
    """Create the provider, the models with their prices, and an alias for each."""
    from catalog.models import AIModel, Alias, AliasTarget, Endpoint, Price, Provider

    provider = Provider.objects.create(
        slug="sim",
        name="Simulator",
        base_url=url,
        handler="openai_chat",
        auth="none",
        allow_private_addresses=True,
    )
    Endpoint.objects.create(
        provider=provider, operation="chat", pattern="/v1/chat/completions"
    )
    aliases = {**MODELS, "colour": RED, "spare": BLUE}
    for name, model_id in aliases.items():
        model = AIModel.objects.create(
            provider=provider,
            model_id=model_id,
            capabilities=["text", "tools", "streaming"],
            context_window=128_000,
            max_output_tokens=4096,
        )
        for component, amount in (("input", "0.10"), ("output", "0.40")):
            Price.objects.create(
                model=model,
                component=component,
                per_million=Decimal(amount),
                valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            )
        alias = Alias.objects.create(name=name, operation="chat")
        AliasTarget.objects.create(alias=alias, model=model)


def put_before(url: str, alias: str) -> None:
    """Let another provider at that address be asked first, as an alias of its own."""
    from catalog.models import AIModel, Alias, AliasTarget, Endpoint, Price, Provider

    # The provider of an earlier test is where this one is now.
    Provider.objects.filter(slug="first").update(base_url=url)
    first, is_new = Provider.objects.get_or_create(
        slug="first",
        defaults={
            "name": "First",
            "base_url": url,
            "handler": "openai_chat",
            "auth": "none",
            "allow_private_addresses": True,
        },
    )
    if is_new:
        Endpoint.objects.create(
            provider=first, operation="chat", pattern="/v1/chat/completions"
        )
    for name, model_id in (("", MODELS["quick"]), ("-stream", MODELS["stream"])):
        spare = AIModel.objects.get(provider__slug="sim", model_id=model_id)
        model = AIModel.objects.create(
            provider=first,
            model_id=f"{model_id}-{alias}",
            capabilities=spare.capabilities,
        )
        for component in ("input", "output"):
            Price.objects.create(
                model=model,
                component=component,
                per_million=Decimal("0.10"),
                valid_from=datetime(2026, 1, 1, tzinfo=UTC),
            )
        row = Alias.objects.create(name=f"{alias}{name}", operation="chat")
        AliasTarget.objects.create(alias=row, model=model, priority=1)
        AliasTarget.objects.create(alias=row, model=spare, priority=2)


def new_key(project: str, limits: list[tuple[str, int, str]] | None) -> str:
    """Issue a key; a new project gets limits that never refuse, or those given."""
    from tenants.models import ApiKey, Limit, Organization, Project

    organization, _ = Organization.objects.get_or_create(slug="default")
    row, is_new = Project.objects.get_or_create(
        slug=project,
        defaults={
            "organization": organization,
            "name": project,
            # Every request is to be asked.
            "cache": {"enabled": False},
        },
    )
    if is_new:
        generous = [
            ("requests", 10_000_000, "minute"),
            ("tokens", 1_000_000_000_000, "minute"),
            ("concurrency", 100_000, ""),
        ]
        for metric, amount, per in generous if limits is None else limits:
            Limit.objects.create(project=row, metric=metric, amount=amount, per=per)
    _, text = ApiKey.issue(row, "durability")
    return text


def revoke(key: str) -> None:
    from tenants.keys import key_id_of
    from tenants.models import ApiKey

    ApiKey.objects.get(key_id=key_id_of(key)).revoke()


def save_colour(model_id: str) -> None:
    """Change the target of the alias `colour` as the admin does."""
    from catalog.models import AIModel, AliasTarget

    target = AliasTarget.objects.get(alias__name="colour")
    target.model = AIModel.objects.get(model_id=model_id)
    target.full_clean()
    target.save()


def update_colour(model_id: str) -> None:
    """Change it by a bulk update, which sends no signal."""
    from catalog.models import AIModel, AliasTarget

    model = AIModel.objects.get(model_id=model_id)
    AliasTarget.objects.filter(alias__name="colour").update(model=model)


def apply_colour(model_id: str) -> None:
    """Change it by configuration as code."""
    from django.core.management import call_command

    bundle = f"""
aliases:
  - name: colour
    operation: chat
    targets:
      - {{model: sim/{model_id}}}
"""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "colour.yaml"
        file.write_text(bundle)
        call_command("apply", str(file), stdout=io.StringIO())


def seal_credentials(url: str, count: int, keys: int) -> list[str]:
    """Give that many projects a credential each, and the first few a key."""
    from catalog.models import (
        AIModel,
        Alias,
        AliasTarget,
        Credential,
        Endpoint,
        Price,
        Provider,
    )
    from tenants.models import ApiKey, Organization, Project

    provider = Provider.objects.create(
        slug="sealed",
        name="Sealed",
        base_url=url,
        handler="openai_chat",
        auth="bearer",
        allow_private_addresses=True,
    )
    Endpoint.objects.create(
        provider=provider, operation="chat", pattern="/v1/chat/completions"
    )
    model = AIModel.objects.create(
        provider=provider, model_id=MODELS["quick"], capabilities=["text"]
    )
    for component in ("input", "output"):
        Price.objects.create(
            model=model,
            component=component,
            per_million=Decimal("0.10"),
            valid_from=datetime(2026, 1, 1, tzinfo=UTC),
        )
    alias = Alias.objects.create(name="sealed", operation="chat")
    AliasTarget.objects.create(alias=alias, model=model)
    organization, _ = Organization.objects.get_or_create(slug="default")
    projects = Project.objects.bulk_create(
        Project(
            organization=organization,
            slug=f"sealed-{number}",
            name=f"Sealed {number}",
            cache={"enabled": False},
        )
        for number in range(count)
    )
    credentials = [Credential(provider=provider, project=each) for each in projects]
    for number, credential in enumerate(credentials):
        credential.put(f"sk-upstream-of-project-{number}")
    Credential.objects.bulk_create(credentials)
    return [ApiKey.issue(each, "rotation")[1] for each in projects[:keys]]


def make_operator() -> str:
    """Create a superuser with a session, and return the session's key."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User

    user = User.objects.create_superuser("operator", password="durability")
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def make_reports(each: int, hook: str, every_s: int) -> int:
    """Define reports by mail and by webhook, and have budgets that must be told of.

    Return how many reports are due.
    """
    import base64
    from datetime import timedelta

    from django.utils import timezone
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    from tenants.models import Budget, Organization, Project
    from usage.models import (
        BudgetWarning,
        BudgetWindow,
        NotificationChannel,
        ReportDefinition,
    )
    from usage.reports.periods import ended_periods

    often, _ = IntervalSchedule.objects.get_or_create(every=every_s, period="seconds")
    PeriodicTask.objects.filter(
        task__in=["usage.run_reports", "usage.watch", "usage.deliver_notifications"]
    ).update(interval=often, expire_seconds=None)
    organization, _ = Organization.objects.get_or_create(slug="default")
    project, _ = Project.objects.get_or_create(
        slug="main", defaults={"organization": organization, "name": "Main"}
    )
    webhook = NotificationChannel(name="hook", kind="webhook", address=hook)
    webhook.put_secret("whsec_" + base64.b64encode(b"k" * 32).decode())
    webhook.save()
    NotificationChannel.objects.create(
        name="mail", kind="email", address="ops@example.com"
    )
    now, due = timezone.now(), 0
    for number in range(2 * each):
        goes_by = "email" if number % 2 else "webhook"
        row = ReportDefinition.objects.create(
            project=project,
            organization=organization,
            name=f"Report {number}",
            period="day",
            time_zone="UTC",
            hour=0,
            delivery=goes_by,
            recipients="boss@example.com" if goes_by == "email" else "",
            webhook=webhook if goes_by == "webhook" else None,
        )
        since = now - timedelta(days=2)
        ReportDefinition.objects.filter(pk=row.pk).update(created_at=since)
        due += len(list(ended_periods("day", row.zone, 0, now, since)))
    for number in range(each):
        budget = Budget.objects.create(
            project=project, alias=f"alias-{number}", amount_usd=Decimal(number + 1)
        )
        window = BudgetWindow.objects.create(budget=budget, starts_at=now)
        BudgetWarning.objects.create(
            window=window,
            percent=80,
            spent_nano=number,
            limit_nano=number,
            created_at=now,
        )
    return due


COMMANDS = {
    each.__name__: each
    for each in (
        make_catalog,
        put_before,
        new_key,
        revoke,
        save_colour,
        update_colour,
        apply_colour,
        seal_credentials,
        make_operator,
        make_reports,
    )
}


def main() -> None:
    import django

    django.setup()
    from django.db import connection

    for line in sys.stdin:
        arguments = json.loads(line)
        answer = COMMANDS[arguments.pop("do")](**arguments)
        # The server may be another one when the next command comes.
        connection.close()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
