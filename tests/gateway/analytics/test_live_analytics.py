"""From a request to its figures, through the whole of a web process."""

import httpx
import pytest
from django.db import connections

from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until
from usage.models import UsageEvent
from usage.rollups import roll_up


def test_what_a_project_asked_for_is_in_its_figures(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The server's thread would keep its connection when the test is over.
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)
    offer("sim-chat")
    body = {"model": "fast", "messages": [{"role": "user", "content": "Hello"}]}
    answer = http.post("/v1/chat/completions", json=body)
    wait_until(lambda: UsageEvent.objects.count() == 1)
    roll_up()

    told = http.get("/api/ai/analytics", params={"groupBy": "alias,model"})

    assert answer.status_code == told.status_code == 200
    event = UsageEvent.objects.get()
    (row,) = told.json()["rows"]
    assert (row["model"], row["events"]) == ("sim-chat", 1)
    assert row["inputTokens"] == event.input_tokens > 0
    assert told.json()["providers"][0]["provider"] == "sim"
    wrong = http.get("/api/ai/analytics", headers={"authorization": "Bearer sb_x"})
    assert wrong.status_code == 401
