"""How much of its limits a project uses now, as its page shows."""

import httpx
import pytest
from django.test import override_settings

from gateway.limits.levels import limit_levels
from tenants.models import Limit, Project
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from usage.analytics import limit_levels as told


def test_what_is_used_of_each_limit_is_read_without_charging_it(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    hourly, at_once, apart = (
        Limit.objects.create(project=project, **fields)
        for fields in (
            {"metric": "requests", "amount": 10, "per": "day"},
            {"metric": "concurrency", "amount": 4},
            {"metric": "requests", "amount": 5, "per": "hour", "each_end_user": True},
        )
    )
    offer("sim-chat")
    body = {"model": "fast", "messages": [{"role": "user", "content": "Hello"}]}
    for _ in range(4):
        assert http.post("/v1/chat/completions", json=body).status_code == 200
    live.settled()

    levels = limit_levels(project.pk)

    assert levels[hourly.pk] == pytest.approx(0.4, abs=0.01)
    assert levels[at_once.pk] == 0
    assert apart.pk not in levels
    assert told.limit_levels(project.pk)[hourly.pk] <= levels[hourly.pk]


@pytest.mark.django_db
def test_without_redis_nothing_is_known(project: Project) -> None:
    Limit.objects.create(project=project, metric="requests", amount=10, per="day")

    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        assert limit_levels(project.pk) == {}
