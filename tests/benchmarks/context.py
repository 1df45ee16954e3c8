"""What a context costs: `python -m tests.benchmarks.context [ROUNDS]`.

Keeps 5,000 entries of one end user, half a year of them, and puts contexts together as a
web process does: from the request's wish to the words for its target, the database
included. Meanwhile a task of the same event loop asks for its turn every millisecond; how
late it gets one is what a context may hold others up.
"""

import asyncio
import os
import statistics
import sys
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from tests.benchmarks.systems import storage

_ENTRIES = 5_000
_TEXT = "Slept well, went for a walk by the river and felt calm for most of the day. "
_SCOPES = ("minimal", "standard", "comprehensive")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with storage() as store:
        os.environ |= {
            **store.environment,
            "SIGNALBOX_EMBEDDED": "off",
            "DJANGO_SETTINGS_MODULE": "config.settings",
        }
        import django

        django.setup()
        project_id = _fill()
        asyncio.run(_measure(project_id, rounds))


def _fill() -> int:
    from django.utils import timezone

    from gateway.context.api.parsing import NewEntry
    from gateway.context.api.storing import store
    from tenants.models import EndUser, Organization, Project

    organization = Organization.objects.create(slug="bench", name="Bench")
    project = Project.objects.create(
        organization=organization, slug="bench", name="Bench"
    )
    kinds = ("feels", "habits", "entries", "pillars", "weekly_recap", "pattern")
    now = timezone.now()
    for start in range(0, _ENTRIES, 500):
        store(
            project,
            [
                NewEntry(
                    "ada",
                    kinds[n % len(kinds)],
                    f"{n}: {_TEXT}",
                    now - timedelta(days=180) * (n / _ENTRIES),
                    None,
                    str(n),
                )
                for n in range(start, start + 500)
            ],
        )
    EndUser.objects.update(name="Ada")
    return project.pk


async def _measure(project_id: int, rounds: int) -> None:
    from gateway.configuration.end_user_loading import read_end_users
    from gateway.configuration.tenant_loading import read_project
    from gateway.context.assembling import Contexts
    from gateway.context.wishes import Wish
    from gateway.types import Attribution, InferenceRequest
    from tenants.context.scopes import READY

    project = await asyncio.to_thread(read_project, project_id)
    users, _ = await asyncio.to_thread(read_end_users, [(project_id, "ada")])
    user = users[project_id, "ada"]
    key: Any = SimpleNamespace(project=project)
    contexts = Contexts()
    for name in _SCOPES:
        walls: list[float] = []
        turns: list[float] = []
        cpu = time.process_time()
        for _ in range(rounds + 5):
            request = InferenceRequest(
                operation="chat",
                dialect="openai_chat",
                model="x",
                fields={},
                size=100,
                attribution=Attribution(end_user="ada"),
                end_user=user,
                context=Wish(READY[name]),
            )
            watch = asyncio.create_task(_late(turns))
            await asyncio.sleep(0)
            began = time.perf_counter()
            await contexts.prepare(request, key)
            text = request.context.full.text
            walls.append((time.perf_counter() - began) * 1000)
            watch.cancel()
        cpu = (time.process_time() - cpu) * 1000 / (rounds + 5)
        walls = sorted(walls[5:])
        print(
            f"{name}: {request.context.full.entries} entries, "
            f"{request.context.tokens} tokens, {len(text):,} characters; "
            f"median {statistics.median(walls):.3f} ms, least {walls[0]:.3f}, "
            f"p95 {walls[int(len(walls) * 0.95)]:.3f}; CPU {cpu:.3f} ms; "
            f"others late by {max(turns, default=0):.2f} ms at most, "
            f"median {statistics.median(turns or [0]):.2f}"
        )
    await contexts.stop()


async def _late(found: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(0.001)
        found.append((time.perf_counter() - began - 0.001) * 1000)


if __name__ == "__main__":
    main()
