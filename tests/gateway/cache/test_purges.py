"""What is purged is not given again, by no process and from no tier (K6)."""

import time
from collections.abc import Callable
from io import StringIO

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from catalog.models import AIModel, Alias
from tenants.models import Project
from tests.gateway.asking import HELLO, PATH
from tests.gateway.cache.conftest import Ask, cache_of
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until
from usage.models import CacheEntry


def purged(*arguments: str) -> str:
    out = StringIO()
    call_command("purge_cache", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("arguments", "gone"),
    [
        (["--project", "acorn"], {"fast", "slow"}),
        (["--project", "birch"], set()),
        (["--alias", "fast"], {"fast"}),
        (["--project", "acorn", "--alias", "slow"], {"slow"}),
        (["--model", "sim/sim-chat"], {"fast"}),
        (["--all"], {"fast", "slow"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_purge_reaches_every_tier(
    offer: Offer,
    ask: Ask,
    live: LiveGateway,
    other_project: Project,
    redis_names: Callable[[], list[str]],
    flush_answers: Callable[[], None],
    arguments: list[str],
    gone: set[str],
) -> None:
    offer("sim-chat", name="fast")
    offer("sim-chat-events-3", name="slow")
    for name in ("fast", "slow"):
        ask(model=name)
    live.settled()
    before = len(redis_names())

    said = purged(*arguments)
    live.caught_up()

    assert said == f"{len(gone)} answers purged.\n"
    assert len(redis_names()) == before - len(gone)
    for name in ("fast", "slow"):
        assert cache_of(ask(model=name)) == ("miss" if name in gone else "hit")
        assert cache_of(ask(model=name)) == "hit"


def test_a_purge_is_known_within_two_seconds(
    offer: Offer, ask: Ask, live: LiveGateway
) -> None:
    offer("sim-chat")
    ask()
    live.settled()

    purged("--project", "acorn")

    began = time.monotonic()
    wait_until(lambda: cache_of(ask()) == "miss", seconds=2.0)
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    "arguments", [[], ["--model", "no-provider"], ["--project", "nobody"]]
)
def test_a_purge_of_nothing_in_particular_is_refused(
    db: None, arguments: list[str]
) -> None:
    with pytest.raises(CommandError):
        purged(*arguments)


def test_operators_purge_by_project_alias_and_model(
    offer: Offer,
    http: httpx.Client,
    live: LiveGateway,
    project: Project,
    admin_client: Client,
) -> None:
    alias = offer("sim-chat")
    model = AIModel.objects.get(model_id="sim-chat")
    pages = [
        ("tenants/project", project.pk, "purge_projects"),
        ("catalog/alias", alias.pk, "purge_aliases"),
        ("catalog/aimodel", model.pk, "purge_models"),
    ]
    for page, pk, action in pages:
        http.post(PATH, json={"model": "fast", "messages": HELLO})
        live.settled()
        assert CacheEntry.objects.for_project(project).count() == 1

        form = {"action": action, "_selected_action": [str(pk)]}
        reply = admin_client.post(f"/admin/{page}/", form, follow=True)

        assert "1 answers purged." in reply.content.decode()
        assert not CacheEntry.objects.for_project(project).exists()
        live.caught_up()
    assert Alias.objects.filter(pk=alias.pk).exists()


def test_the_list_of_answers_shows_none_of_their_content(
    offer: Offer, ask: Ask, live: LiveGateway, admin_client: Client, project: Project
) -> None:
    offer("sim-chat")
    ask(), ask()
    live.settled()
    entry = CacheEntry.objects.for_project(project).get()

    listed = admin_client.get("/admin/usage/cacheentry/").content.decode()
    shown = admin_client.get(f"/admin/usage/cacheentry/{entry.pk}/change/")

    assert "sim/sim-chat" in listed
    assert "acorn" in listed
    assert shown.status_code == 200
    assert "sealed" not in shown.content.decode().lower().replace("bytes, sealed", "")
