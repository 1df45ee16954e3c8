"""What providers say that an answer cost, and when that is believed."""

from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest

from catalog.models import Provider
from gateway.adapters.openai_chat.usage import tokens_of
from tenants.models import Project
from tests.gateway.asking import HELLO, PATH
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from tests.gateway.scripted_upstream import ScriptedUpstream

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


@pytest.mark.parametrize(
    ("told", "usd"),
    [
        ({}, None),
        ({"cost": 0.00021}, "0.00021"),
        ({"cost": 0}, "0"),
        ({"cost": {"total_cost": 0.006}}, "0.006"),
        ({"estimated_cost": 0.00000328}, "0.00000328"),
        ({"cost_in_usd_ticks": 38000000}, "0.0038"),
        (
            {
                "cost": 0.001,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 0.02},
            },
            "0.021",
        ),
        ({"cost": 0.001, "cost_details": {"upstream_inference_cost": 0.02}}, "0.001"),
        ({"cost": -1}, None),
        ({"cost": "free"}, None),
        ({"cost": True}, None),
        ({"cost": 10**9}, None),
        ({"cost": {"total_cost": None}}, None),
    ],
)
def test_the_cost_is_read_from_where_the_provider_puts_it(
    told: dict[str, Any], usd: str | None
) -> None:
    tokens = tokens_of({**USAGE, **told})

    assert tokens is not None
    assert tokens.cost_usd == (None if usd is None else Decimal(usd))


@pytest.mark.parametrize(("reports_cost", "usd"), [(True, "0.25"), (False, "0.00002")])
def test_the_providers_figure_counts_only_where_the_operator_says_so(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    provider: Provider,
    project: Project,
    reports_cost: bool,
    usd: str,
) -> None:
    with ScriptedUpstream() as upstream:
        message = {"role": "assistant", "content": "Hi"}
        upstream.says_whole(
            orjson.dumps(
                {
                    "choices": [{"index": 0, "message": message}],
                    "usage": {**USAGE, "cost": 0.25},
                }
            )
        )
        provider.base_url = upstream.url
        provider.reports_cost = reports_cost
        provider.save()
        offer("any-model")

        response = http.post(PATH, json={"model": "fast", "messages": HELLO})
        (event,) = live.events(project)

    assert response.status_code == 200
    assert Decimal(response.headers["x-signalbox-cost-usd"]) == Decimal(usd)
    assert event.cost_usd == Decimal(usd)
    assert event.reported_cost_usd == Decimal("0.25")
    assert bool(event.price_ids) is not reports_cost
