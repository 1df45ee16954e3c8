"""POST /v1/route/explain: everything is told, and nobody is asked."""

from datetime import date
from typing import Any

import httpx
import pytest

from catalog.models import AIModel, Provider
from gateway.selection.observations import OBSERVATIONS
from gateway.simulator import Simulator
from tenants.models import ApiKey, Project
from tests.factories import AIModelFactory, AliasTargetFactory
from tests.gateway.asking import HELLO
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

URL = "/v1/route/explain"


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    OBSERVATIONS.clear()


def explained(http: httpx.Client, **body: Any) -> dict[str, Any]:
    headers = body.pop("headers", {})
    asked = {"operation": "chat", "model": "fast", "messages": HELLO, **body}
    response = http.post(URL, json=asked, headers=headers)
    assert response.status_code == 200, response.text
    told: dict[str, Any] = response.json()
    return told


def names(told: dict[str, Any], of: str = "candidates") -> list[str]:
    return [each["name"] for each in told[of]]


def test_the_candidates_are_told_in_order_with_all_that_speaks_for_them(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    upstream: Simulator,
    project: Project,
) -> None:
    offer("sim-chat", "sim-other")
    AIModel.objects.filter(model_id="sim-chat").update(max_output_tokens=1_000)
    live.caught_up()
    OBSERVATIONS.note("sim/sim-chat", 100, 1_200.0, 200.0)

    told = explained(http)

    assert names(told) == ["sim/sim-chat", "sim/sim-other"]
    assert (told["alias"], told["strategy"]) == ("fast", "priority")
    first, second = told["candidates"]
    assert first["rank"] == 1
    assert first["health"] == {"breaker": "closed", "readiness": "ready", "running": 0}
    assert first["observed"]["first_token_ms"] == 200
    assert first["observed"]["tokens_per_second"] == pytest.approx(100, rel=0.05)
    assert first["price"] == {"input_per_million": "1", "output_per_million": "2"}
    sent = first["estimate"]["input_tokens"]
    assert first["estimate"]["max_output_tokens"] == 1_000
    assert float(first["estimate"]["cost_usd"]["min"]) == pytest.approx(
        (sent + 2) / 1e6
    )
    assert float(first["estimate"]["cost_usd"]["max"]) == pytest.approx(
        (sent + 2_000) / 1e6
    )
    assert second["observed"] is None
    assert second["estimate"]["cost_usd"]["max"] is None
    assert not upstream.calls
    assert live.events(project) == []


def test_everyone_who_is_dropped_is_named_with_the_reason(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-a", "sim-b", "sim-dear")
    AIModel.objects.filter(model_id="sim-b").update(capabilities=["text", "vision"])
    live.caught_up()
    picture = {"type": "image_url", "image_url": {"url": "https://a.example/a.png"}}

    told = explained(http, messages=[{"role": "user", "content": [picture]}])

    assert names(told) == ["sim/sim-b"]
    assert told["needs"] == ["vision"]
    assert told["dropped"][0] == {
        "name": "sim/sim-a",
        "provider": "sim",
        "model": "sim-a",
        "code": "capability",
        "reason": "it lacks vision",
    }
    assert told["refusal"] is None


def test_where_nobody_is_left_the_refusal_is_told(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-a")

    told = explained(http, headers={"x-signalbox-max-cost-usd": "0"})

    assert told["candidates"] == []
    assert told["dropped"][0]["code"] == "max_cost"
    assert (told["refusal"]["status"], told["refusal"]["code"]) == (
        402,
        "budget_exceeded",
    )


def test_a_doubt_is_told_of_who_is_asked_nevertheless(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-a")
    tool = {"type": "function", "function": {"name": "f"}}

    told = explained(http, tools=[tool])

    assert told["candidates"][0]["doubt"] == "it lacks tools"


def test_a_retired_model_is_told_with_its_successor(
    http: httpx.Client, live: LiveGateway, offer: Offer, provider: Provider
) -> None:
    alias = offer("sim-new")
    new = AIModel.objects.get(model_id="sim-new")
    old = AIModelFactory.create(
        provider=provider,
        model_id="sim-old",
        deprecated_on=date(2020, 1, 1),
        successor=new,
    )
    AliasTargetFactory.create(alias=alias, model=old, priority=2)
    live.caught_up()

    told = explained(http)

    assert names(told) == ["sim/sim-new"]
    assert told["retired"] == [
        {
            "name": "sim/sim-old",
            "deprecated_on": "2020-01-01",
            "successor": "sim/sim-new",
        }
    ]


def test_a_target_that_keeps_failing_is_told_as_such(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-fault-500", "sim-chat")
    for _ in range(6):
        http.post("/v1/chat/completions", json={"model": "fast", "messages": HELLO})

    told = explained(http)

    assert names(told) == ["sim/sim-chat", "sim/sim-fault-500"]
    assert told["candidates"][1]["health"]["breaker"] == "open"
    assert told["candidates"][1]["health"]["readiness"] == "not now"


BODIES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "chat",
        "anthropic_messages",
        {"system": "Be kind.", "messages": HELLO, "max_tokens": 9},
    ),
    ("chat", "gemini_generate", {"contents": [{"parts": [{"text": "Hi"}]}]}),
    ("chat", "signalbox", {"prompt": "Hi", "userId": "u"}),
    (
        "chat",
        "anthropic_messages",
        {"dialect": "anthropic_messages", "messages": HELLO, "max_tokens": 9},
    ),
    ("responses", "openai_responses", {"input": "Hi"}),
]


@pytest.mark.parametrize(("operation", "dialect", "body"), BODIES)
def test_the_body_of_any_dialect_is_understood(
    http: httpx.Client, offer: Offer, operation: str, dialect: str, body: dict[str, Any]
) -> None:
    offer("sim-chat")

    response = http.post(URL, json={"model": "fast", "operation": operation, **body})

    assert response.status_code == 200, response.text
    assert response.json()["dialect"] == dialect
    assert names(response.json()) == ["sim/sim-chat"]


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("embeddings", {"input": ["Hi", "there"]}),
    ("speech", {"input": "Hi", "voice": "alloy"}),
    ("transcription", {}),
    ("images", {"prompt": "A cat"}),
    ("moderation", {"input": "Hi"}),
    ("rerank", {"query": "Hi", "documents": ["a", "b"]}),
]


@pytest.mark.parametrize(("operation", "body"), OTHERS)
def test_every_operation_can_be_explained(
    http: httpx.Client, offer: Offer, operation: str, body: dict[str, Any]
) -> None:
    offer("sim-chat")

    response = http.post(URL, json={"model": "fast", "operation": operation, **body})

    assert response.status_code == 200, response.text
    told = response.json()
    assert told["dropped"][0]["code"] == "operation"
    assert told["refusal"]["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"operation": "dance"}, 400, "operation"),
        ({"dialect": "french"}, 400, "dialect"),
        ({"messages": "Hi"}, 400, "messages"),
        ({"model": "nowhere"}, 404, "model"),
        ({"model": 5}, 400, "model"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    http: httpx.Client, offer: Offer, body: dict[str, Any], status: int, param: str
) -> None:
    offer("sim-chat")

    response = http.post(URL, json={"model": "fast", "messages": HELLO, **body})

    assert (response.status_code, response.json()["error"]["param"]) == (status, param)


def test_only_who_holds_a_key_for_the_operation_is_told(
    live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")
    _, text = ApiKey.issue(project, "narrow", scopes=["embeddings"])
    body = {"model": "fast", "messages": HELLO}

    with httpx.Client(base_url=live.url) as nobody:
        assert nobody.post(URL, json=body).status_code == 401
        headers = {"authorization": f"Bearer {text}"}
        assert nobody.post(URL, json=body, headers=headers).status_code == 403
