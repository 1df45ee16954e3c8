"""Two users of two projects each are told of themselves alone, with the cache on."""

import random
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gateway.context.api.parsing import NewEntry
from gateway.context.api.storing import store
from gateway.simulator import Simulator
from tenants.models import ApiKey, EndUser, Project
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

pytestmark = pytest.mark.django_db(transaction=True)

REQUESTS = 150
SCOPES = ("minimal", "standard", "comprehensive")


def test_nobody_is_told_of_another(
    live: LiveGateway,
    offer: Offer,
    upstream: Simulator,
    project: Project,
    other_project: Project,
) -> None:
    offer("sim-chat")
    keys: dict[str, str] = {}
    for each in (project, other_project):
        each.cache = {"enabled": True, "ttl_s": 600, "all": True, "context": True}
        each.save()
        keys[each.slug] = ApiKey.issue(each, "pairs")[1]
        for user in ("ada", "bob"):
            mark = f"canary-{each.slug}-{user}"
            now = datetime.now(UTC)
            store(each, [NewEntry(user, "profile", f"{mark}-kept", now, None, None)])
            EndUser.objects.filter(project=each, external_id=user).update(
                name=f"{mark}-name"
            )
    live.caught_up()
    draw = random.Random(7)
    found: dict[str, set[tuple[str, str]]] = {}
    hits = 0
    with httpx.Client(base_url=live.url, timeout=20) as client:
        for _ in range(REQUESTS):
            slug, user = draw.choice([*keys]), draw.choice(["ada", "bob"])
            body: Any = {
                "model": "fast",
                "messages": [{"role": "user", "content": draw.choice("xyz")}],
                "stream": draw.random() < 0.3,
            }
            before = len(upstream.calls)
            answer = client.post(
                "/v1/chat/completions",
                json=body,
                headers={
                    "authorization": f"Bearer {keys[slug]}",
                    "x-signalbox-user": user,
                    "x-signalbox-context": draw.choice(SCOPES),
                },
            )
            assert answer.status_code == 200, answer.text
            hits += answer.headers["x-signalbox-cache"] == "hit"
            told = str([call.body for call in upstream.calls[before:]]) + answer.text
            for other in keys:
                for somebody in ("ada", "bob"):
                    if f"canary-{other}-{somebody}" in told:
                        found.setdefault(f"{slug}-{user}", set()).add((other, somebody))
    assert hits > REQUESTS // 4
    assert len(found) == 4
    for who, known in found.items():
        assert {f"{other}-{somebody}" for other, somebody in known} == {who}
