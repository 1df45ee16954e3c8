"""Roll-ups and the overview of many events: `python -m tests.benchmarks.usage_at_scale [EVENTS]`.

Makes a database of its own with 30 days of events (10,000,000 unless it is said otherwise) of
20 projects in four organizations, sums them up day by day, and then times pages.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from config import embedded

_DAYS = 30
_PROJECTS = 20
_ROUNDS = 5
_PAGES = (
    "/admin/?days=1",
    "/admin/?days=7",
    "/admin/?days=30",
    "/admin/?days=90",
    "/admin/projects/p0/",
    "/admin/projects/p0/?days=90",
    "/admin/requests/{request}/",
    "/admin/usage/usageevent/",
    "/admin/usage/usageevent/?p=200",
    "/admin/usage/usageevent/?q={request}",
    "/admin/usage/hourlyusage/?period=7",
    "/admin/usage/dailyusage/",
)
_QUESTIONS = ("", "?granularity=day&groupBy=model", "?granularity=hour")

# Of one day: the start, the organizations and projects by number, and how many.
_EVENTS = """
    INSERT INTO usage_usageevent (
        id, occurred_at, kind, request_id, attempt, organization_id, project_id,
        end_user, feature, feature_id, tags, operation, dialect, alias, provider, model,
        reported_model, streamed, status, http_status, error_code, input_tokens,
        cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens,
        other_usage, estimated, cost_usd, saved_usd, price_ids, latency_ms,
        first_token_ms, overhead_ms, cache, fallback, strategy, routing, config_version
    )
    SELECT gen_random_uuid(), %s::timestamptz + make_interval(secs => at * 86400),
        CASE WHEN hit THEN 'cache_hit' ELSE 'attempt' END, gen_random_uuid(), 1,
        (%s::bigint[])[p], (%s::bigint[])[p], 'user-' || (cost * 5000)::int,
        'feature-' || i %% 4, '', '[]', 'chat', 'openai_chat', 'alias-' || m %% 3,
        'provider-' || m %% 3, 'model-' || m, '', i %% 3 = 0,
        CASE WHEN bad THEN 'failed' ELSE 'ok' END, 200,
        CASE WHEN bad THEN 'upstream_timeout' ELSE '' END, (cost * 3000)::int, 0, 0,
        (at * 900)::int, 0, '{}', false,
        CASE WHEN hit THEN 0 ELSE round((cost * 0.01)::numeric, 9) END,
        CASE WHEN hit THEN round((cost * 0.01)::numeric, 9) END, '[]',
        CASE WHEN hit THEN 1 ELSE exp(6 + slow * 2.5) END,
        CASE WHEN i %% 3 = 0 THEN exp(5 + slow * 2) END, 0.5,
        CASE WHEN hit THEN 'hit' ELSE 'miss' END, i %% 50 = 0, 'cheapest', '{}', 1
    FROM (
        SELECT i, 1 + floor(power(random(), 2) * %s)::int AS p,
            floor(random() * 6)::int AS m, random() AS at, random() AS cost,
            random() AS slow, random() < 0.15 AS hit, random() < 0.03 AS bad
        FROM generate_series(1, %s) AS i OFFSET 0
    ) AS drawn
"""


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        servers = embedded.start(Path(folder), throwaway=True)
        os.environ |= {
            "DATABASE_URL": servers.database_url,
            "REDIS_URL": servers.redis_url,
            "SIGNALBOX_HOME": folder,
            "DJANGO_SETTINGS_MODULE": "config.settings_test",
        }
        try:
            measure(events)
        finally:
            servers.stop()


def measure(events: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    project = _seed(events // _DAYS)
    _roll_up()
    _time_pages(project)


def _seed(per_day: int) -> Any:
    from django.db import connection

    from tests.factories import OrganizationFactory, ProjectFactory
    from usage import partitions
    from usage.days import start_of, today

    organizations = [OrganizationFactory.create(slug=f"org-{n}") for n in range(4)]
    projects = [
        ProjectFactory.create(slug=f"p{n}", organization=organizations[n % 4])
        for n in range(_PROJECTS)
    ]
    whose = [p.organization_id for p in projects], [p.pk for p in projects]
    days = [start_of(today() - timedelta(days=n)) for n in range(1, _DAYS + 1)]
    with connection.cursor() as cursor:
        for day in days:
            cursor.execute(_EVENTS, [day, *whose, _PROJECTS, per_day])
            cursor.execute(
                "INSERT INTO usage_touchedhour (hour) "
                "SELECT %s::timestamptz + make_interval(hours => n) "
                "FROM generate_series(0, 23) AS n",
                [day],
            )
            partitions.make_ahead()
        cursor.execute("ANALYZE")
    return projects[0]


def _roll_up() -> None:
    from usage.days import today
    from usage.rollups import roll_up_day

    taken = [
        _seconds(lambda n=n: roll_up_day(today() - timedelta(days=n)))  # type: ignore[misc]
        for n in range(1, _DAYS + 1)
    ]
    print(
        f"roll-up of a day: {statistics.median(taken):.1f} s, {max(taken):.1f} s at most"
    )


def _time_pages(project: Any) -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    from tenants.models import ApiKey
    from usage.models import UsageEvent

    oldest = str(UsageEvent.objects.order_by("occurred_at")[0].request_id)
    admin = Client()
    admin.force_login(User.objects.create_superuser("bench"))
    _, text = ApiKey.issue(project, "bench")
    asking = Client(headers={"authorization": f"Bearer {text}"})
    pages = [(admin, page.format(request=oldest)) for page in _PAGES]
    pages += [(asking, f"/api/ai/analytics{question}") for question in _QUESTIONS]
    for client, page in pages:
        first = _seconds(lambda: client.get(page))  # noqa: B023
        taken = [_seconds(lambda: client.get(page)) for _ in range(_ROUNDS)]  # noqa: B023
        median = statistics.median(taken)
        print(f"{page}: {1000 * median:.0f} ms, {1000 * first:.0f} ms the first time")


def _seconds(work: Callable[[], Any]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
