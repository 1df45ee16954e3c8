"""Who is asked, through the whole gateway: what the body shows, bounds, users, turns."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from catalog.models import AIModel, Price
from gateway.selection.observations import OBSERVATIONS
from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.asking import HELLO, PATH
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

PICTURE = {
    "role": "user",
    "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
    ],
}
LONG = "Read this very carefully, please. " * 200


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    OBSERVATIONS.clear()


def change(live: LiveGateway, model_id: str, **values: Any) -> None:
    AIModel.objects.filter(model_id=model_id).update(**values)
    live.caught_up()


def price(live: LiveGateway, model_id: str, usd: str) -> None:
    model = AIModel.objects.get(model_id=model_id)
    for component in ("input", "output"):
        Price.objects.create(
            model=model,
            component=component,
            per_million=Decimal(usd),
            valid_from="2021-01-01T00:00Z",
        )
    live.caught_up()


def post(http: httpx.Client, *messages: Any, **more: Any) -> httpx.Response:
    headers = more.pop("headers", {})
    body = {"model": "fast", "messages": list(messages) or HELLO, **more}
    return http.post(PATH, json=body, headers=headers)


def answered_by(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.headers["x-signalbox-model"]


def test_a_picture_goes_to_the_model_that_can_see_and_the_event_says_why(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat", "sim-vision")
    change(live, "sim-vision", capabilities=["text", "vision"])

    assert answered_by(post(http)) == "sim-chat"
    seen = post(http, PICTURE)

    assert answered_by(seen) == "sim-vision"
    assert seen.headers["x-signalbox-fallback"] == "false"
    event = live.events(project)[-1]
    assert event.routing == {
        "order": ["sim/sim-vision"],
        "dropped": {"sim/sim-chat": "capability"},
    }


def test_tools_go_to_the_model_that_is_known_to_call_them(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-plain", "sim-tools")
    change(live, "sim-tools", capabilities=["text", "tools"])
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}

    assert answered_by(post(http, tools=[tool])) == "sim-tools"


def test_a_long_request_goes_to_the_larger_window(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-small", "sim-large")
    change(live, "sim-small", context_window=1_000)

    assert answered_by(post(http)) == "sim-small"
    assert answered_by(post(http, {"role": "user", "content": LONG})) == "sim-large"


def test_max_price_drops_the_dear_and_is_not_sent_on(
    http: httpx.Client, live: LiveGateway, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-dear", "sim-cheap")
    price(live, "sim-dear", "30")

    for bound in (5, "5", {"prompt": 5}, {"completion": "5", "prompt": 5}):
        response = post(http, provider={"max_price": bound})
        assert answered_by(response) == "sim-cheap"
    assert all("provider" not in (call.body or {}) for call in upstream.calls)
    refused = post(http, provider={"max_price": 0.5})

    assert refused.status_code == 402
    assert refused.json()["error"]["code"] == "budget_exceeded"
    assert refused.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "bound", [-1, "x", True, [], {"image": 1}, {"prompt": "NaN"}, "1e99"]
)
def test_a_max_price_that_is_none_is_refused(
    http: httpx.Client, offer: Offer, upstream: Simulator, bound: Any
) -> None:
    offer("sim-chat")

    response = post(http, provider={"max_price": bound})

    assert response.status_code == 400
    assert response.json()["error"]["param"].startswith("provider.max_price")
    assert not upstream.calls


def test_the_cost_header_drops_who_would_cost_more(
    http: httpx.Client, live: LiveGateway, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-dear", "sim-cheap")
    price(live, "sim-dear", "1000")
    header = "x-signalbox-max-cost-usd"

    assert answered_by(post(http, max_tokens=100)) == "sim-dear"
    bounded = post(http, max_tokens=100, headers={header: "0.01"})
    assert answered_by(bounded) == "sim-cheap"
    refused = post(http, max_tokens=100, headers={header: "0.000001"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (
        402,
        "budget_exceeded",
    )
    nonsense = post(http, headers={header: "much"})
    assert (nonsense.status_code, nonsense.json()["error"]["param"]) == (400, header)
    assert len(upstream.calls) == 2


def test_the_cheapest_is_asked_first_and_the_event_holds_the_scores(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-dear", "sim-cheap", strategy="cheapest")
    price(live, "sim-dear", "30")

    assert answered_by(post(http, max_tokens=10)) == "sim-cheap"

    routing = live.events(project)[-1].routing
    assert routing["order"] == ["sim/sim-cheap", "sim/sim-dear"]
    assert len(routing["scores"]) == 2
    assert 0 < routing["scores"][0] < routing["scores"][1]


def test_the_fastest_is_who_was_seen_to_be(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-slow-latency-80", "sim-chat", strategy="fastest")
    change(live, "sim-slow-latency-80", expected_latency_ms=1)
    change(live, "sim-chat", expected_latency_ms=60)

    first = answered_by(post(http, provider={"order": ["sim"]}))
    later = [answered_by(post(http)) for _ in range(10)]

    assert first in {"sim-slow-latency-80", "sim-chat"}
    assert later.count("sim-chat") >= 8


def test_an_end_user_keeps_the_target_that_the_lot_gave(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-a", "sim-b", strategy="weighted", sticky=True)

    def asked_as(user: str) -> str:
        return answered_by(post(http, headers={"x-signalbox-user": user}))

    firsts = {user: asked_as(user) for user in map(str, range(12))}

    assert set(firsts.values()) == {"sim-a", "sim-b"}
    assert all(asked_as(user) == first for user, first in firsts.items())


def test_the_next_turn_of_a_conversation_goes_where_its_prompt_is_held(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-a", "sim-b", strategy="weighted")
    turns: list[Any] = [{"role": "user", "content": LONG}]

    first = post(http, *turns)
    holder = answered_by(first)
    for _ in range(8):
        turns.append({"role": "assistant", "content": "I did."})
        turns.append({"role": "user", "content": "And now?"})
        assert answered_by(post(http, *turns)) == holder
    others = {
        answered_by(post(http, {"role": "user", "content": f"{n} {LONG}"}))
        for n in range(12)
    }
    assert others == {"sim-a", "sim-b"}


def test_a_held_prompt_changes_nothing_for_a_better_priority(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-a", "sim-b")
    turns: list[Any] = [{"role": "user", "content": LONG}]

    only_b = post(http, *turns, model="sim/sim-b", models=["fast"])
    assert answered_by(only_b) == "sim-b"
    turns.append({"role": "assistant", "content": "I did."})
    turns.append({"role": "user", "content": "And now?"})

    assert answered_by(post(http, *turns)) == "sim-a"
