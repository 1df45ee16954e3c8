"""Signalbox's own dialect through real HTTP, with the simulator as every provider."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from catalog.models import Provider
from gateway.selection.observations import OBSERVATIONS
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import (
    AliasFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    LimitFactory,
    ProviderFactory,
)
from tests.gateway.conftest import Offer, offered_model
from tests.gateway.live import LiveGateway
from tests.gateway.matrix.providers import PROTOCOLS, offered
from tests.gateway.test_endings import end_requests

GENERATE, STREAM = "/api/ai/generate", "/api/ai/stream"
HELLO = {"prompt": "Hello there", "model": "fast"}
SCHEMA = {
    "type": "object",
    "properties": {"place": {"type": "string"}},
    "required": ["place"],
}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}
PIXEL = "data:image/png;base64,iVBORw0KGgo="


def sent(upstream: Simulator) -> dict[str, Any]:
    body = upstream.calls[-1].body
    assert body is not None
    return body


def events_of(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for block in text.split("\n\n"):
        lines = dict(
            line.split(": ", 1) for line in block.splitlines() if line[0] != ":"
        )
        if lines:
            yield lines["event"], json.loads(lines["data"])


@pytest.fixture
def second(offer: Offer, live: LiveGateway, upstream: Simulator) -> Provider:
    """Another provider, which serves the same models and is not behind `fast`."""
    offer("sim-chat")
    provider = ProviderFactory.create(
        slug="other", base_url=upstream.url, allow_private_addresses=True
    )
    EndpointFactory.create(provider=provider)
    CredentialFactory.create(provider=provider)
    offered_model(provider, "sim-chat")
    live.caught_up()
    return provider


def test_a_prompt_is_answered_with_all_that_is_known(
    http: httpx.Client, offer: Offer, live: LiveGateway, project: Project
) -> None:
    offer("sim-chat", "sim-chat-large", strategy="cheapest")

    response = http.post(GENERATE, json={**HELLO, "systemPrompt": "Be brief."})

    assert response.status_code == 200, response.text
    answer = response.json()
    assert list(answer) == [
        "success",
        "requestId",
        "content",
        "parsed",
        "finishReason",
        "usage",
        "costUSD",
        "latencyMs",
        "provider",
        "model",
        "alias",
        "cached",
        "fallbackUsed",
        "attempts",
        "routing",
    ]
    assert answer["success"] is True
    assert answer["requestId"] == response.headers["x-request-id"]
    assert answer["content"]
    assert (answer["parsed"], answer["finishReason"]) == (None, "stop")
    usage = answer["usage"]
    assert usage["promptTokens"] + usage["completionTokens"] == usage["totalTokens"]
    assert answer["costUSD"] == float(response.headers["x-signalbox-cost-usd"])
    assert answer["costUSD"] > 0
    assert (answer["provider"], answer["model"]) == ("sim", "sim-chat")
    assert (answer["alias"], answer["cached"], answer["attempts"]) == ("fast", False, 1)
    assert answer["fallbackUsed"] is False
    assert answer["routing"] == {
        "strategy": "cheapest",
        "considered": 2,
        "reason": "it is the cheapest",
    }
    (event,) = live.events(project)
    assert (event.dialect, float(event.cost_usd or 0)) == (
        "signalbox",
        answer["costUSD"],
    )


def test_what_is_not_said_has_its_default(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")

    http.post(GENERATE, json=HELLO)
    assert (sent(upstream)["temperature"], sent(upstream)["max_tokens"]) == (0.7, 2000)

    http.post(GENERATE, json={**HELLO, "temperature": 0, "maxTokens": 5})
    assert (sent(upstream)["temperature"], sent(upstream)["max_tokens"]) == (0, 5)


def test_an_alias_says_what_the_request_leaves_open(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat", defaults={"temperature": 0.2})

    http.post(GENERATE, json=HELLO)

    assert (sent(upstream)["temperature"], sent(upstream)["max_tokens"]) == (0.2, 2000)


def test_a_conversation_with_an_image_arrives_as_it_was_sent(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-vision")
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi"},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]},
    ]

    response = http.post(
        GENERATE,
        json={"messages": messages, "systemPrompt": "Be brief.", "model": "fast"},
    )

    assert response.status_code == 200, response.text
    said = sent(upstream)["messages"]
    assert [message["role"] for message in said] == [
        "system",
        "user",
        "assistant",
        "user",
    ]
    assert said[-1]["content"][1]["image_url"]["url"] == PIXEL


def test_a_tool_is_called_and_its_result_goes_back(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-chat")
    question = {"role": "user", "content": "call a tool"}
    ask = {"model": "fast", "tools": [TOOL]}

    first = http.post(GENERATE, json={**ask, "messages": [question]}).json()
    assert first["finishReason"] == "tool_calls"
    (call,) = first["toolCalls"]
    assert call["function"]["name"] == "weather"
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny in Oslo"}
    said = {"role": "assistant", "tool_calls": first["toolCalls"]}
    second = http.post(
        GENERATE, json={**ask, "messages": [question, said, result]}
    ).json()

    assert "sunny in Oslo" in second["content"]


@pytest.mark.parametrize(
    "wanted",
    [
        "json",
        {"type": "json"},
        {"type": "json_object"},
        {"type": "json_schema", "schema": SCHEMA},
        {"type": "json_schema", "json_schema": {"name": "place", "schema": SCHEMA}},
    ],
)
def test_json_comes_back_parsed(
    http: httpx.Client,
    offer: Offer,
    provider: Provider,
    live: LiveGateway,
    wanted: object,
) -> None:
    model = offered_model(provider, "sim-chat")
    model.capabilities = ["text", "json_mode", "json_schema"]
    model.save()
    offer("sim-chat")
    ask = {**HELLO, "prompt": "Where? Answer in JSON.", "responseFormat": wanted}

    answer = http.post(GENERATE, json=ask).json()
    (*_, (_, done)) = events_of(http.post(STREAM, json=ask).text)

    assert answer["parsed"] == json.loads(answer["content"])
    assert isinstance(answer["parsed"], dict)
    assert done["parsed"] == answer["parsed"]


def test_text_is_not_parsed(http: httpx.Client, offer: Offer) -> None:
    offer("sim-chat")

    answer = http.post(GENERATE, json={**HELLO, "responseFormat": "text"}).json()

    assert answer["parsed"] is None


def test_a_stream_ends_with_what_the_answer_cost(
    http: httpx.Client, offer: Offer, live: LiveGateway, project: Project
) -> None:
    offer("sim-chat")

    whole = http.post(GENERATE, json=HELLO).json()
    response = http.post(STREAM, json=HELLO)

    assert response.headers["content-type"].startswith("text/event-stream")
    *deltas, (last, done) = events_of(response.text)
    assert {name for name, _ in deltas} == {"delta"}
    assert all(list(data) == ["content"] for _, data in deltas)
    assert "".join(data["content"] for _, data in deltas) == whole["content"]
    assert last == "done"
    assert set(done) == set(whole) - {"content"}
    assert done["requestId"] == response.headers["x-request-id"]
    assert done["usage"] == whole["usage"]
    assert done["costUSD"] == whole["costUSD"]
    _, event = live.events(project)
    assert (event.streamed, event.status) == (True, "ok")
    assert float(event.cost_usd or 0) == done["costUSD"]


def test_a_streamed_tool_call_stands_in_the_last_event(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-chat")
    ask = {"prompt": "call a tool", "model": "fast", "tools": [TOOL]}

    (*_, (last, done)) = events_of(http.post(STREAM, json=ask).text)

    assert (last, done["finishReason"]) == ("done", "tool_calls")
    assert done["toolCalls"][0]["function"]["name"] == "weather"
    assert json.loads(done["toolCalls"][0]["function"]["arguments"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_whatever_the_provider_speaks_the_answer_is_ours(
    http: httpx.Client, live: LiveGateway, upstream: Simulator, protocol: str
) -> None:
    ask = {
        "model": offered(live, upstream, protocol, "sim-chat"),
        "prompt": "Hello there",
        "systemPrompt": "Be brief.",
        "userId": "user-42",
    }

    whole = http.post(GENERATE, json=ask).json()
    *deltas, (last, done) = events_of(http.post(STREAM, json=ask).text)

    assert whole["success"] is True, whole
    assert "Hello there" in whole["content"]
    assert "".join(data["content"] for _, data in deltas) == whole["content"]
    assert (last, done["usage"]) == ("done", whole["usage"])
    assert whole["costUSD"] > 0
    assert "user-42" not in str([call.body for call in upstream.calls])


def test_a_stream_that_outlives_the_server_ends_with_an_error(
    http: httpx.Client, live: LiveGateway, offer: Offer
) -> None:
    offer("sim-chat-pace-20-events-500")

    with http.stream("POST", STREAM, json=HELLO) as response:
        pieces = response.iter_text()
        text = next(pieces)
        end_requests(live)
        text += "".join(pieces)

    *_, (last, error) = events_of(text)
    assert (last, error["error"]["code"]) == ("error", "draining")
    assert error["requestId"] == response.headers["x-request-id"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("truncate-5", "upstream_bad_response"),
        ("stall-5", "upstream_timeout"),
        ("error-midstream-5-pace-5", "server_is_overloaded"),
    ],
)
def test_a_stream_that_breaks_off_ends_with_an_error(
    http: httpx.Client, offer: Offer, fault: str, code: str
) -> None:
    offer(f"sim-fault-{fault}")

    response = http.post(STREAM, json=HELLO)

    (first, _), *_, (last, error) = events_of(response.text)
    assert (first, last) == ("delta", "error")
    assert error["success"] is False
    assert error["requestId"] == response.headers["x-request-id"]
    assert error["error"]["code"] == code
    assert "event: done" not in response.text


def test_an_error_before_the_stream_is_no_stream(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-fault-500")

    response = http.post(STREAM, json=HELLO)

    assert response.status_code == 502
    assert response.json()["success"] is False


def test_a_fallback_is_told(http: httpx.Client, offer: Offer) -> None:
    offer("sim-fault-500", "sim-chat")

    answer = http.post(GENERATE, json=HELLO).json()

    assert (answer["fallbackUsed"], answer["attempts"]) == (True, 2)
    assert answer["model"] == "sim-chat"
    assert answer["routing"]["reason"] == "what was chosen before it did not answer"


def test_a_forced_provider_answers_alone(http: httpx.Client, second: Provider) -> None:
    own = http.post(GENERATE, json={"prompt": "Hi", "provider": "other"})
    bare = http.post(
        GENERATE, json={"prompt": "Hi", "provider": "other", "model": "sim-chat"}
    )
    elsewhere = http.post(GENERATE, json={**HELLO, "provider": "other"})

    assert own.json()["provider"] == "other", own.text
    assert own.json()["model"] == "sim-chat"
    assert bare.json()["provider"] == "other", bare.text
    assert elsewhere.status_code == 503
    assert "names other providers" in elsewhere.json()["error"]["message"]


def test_a_provider_may_be_chosen_as_in_the_other_dialects(
    http: httpx.Client, second: Provider
) -> None:
    ask = {**HELLO, "models": ["other/sim-chat"], "provider": {"ignore": ["sim"]}}

    assert http.post(GENERATE, json=ask).json()["provider"] == "other"


def test_a_task_goes_where_the_project_sends_it(
    http: httpx.Client, offer: Offer, live: LiveGateway, project: Project
) -> None:
    offer("sim-chat", name="fast")
    offer("sim-chat-large", name="deep")
    offer("sim-chat-small", name="creative")
    project.task_routes = {"code": "deep"}
    project.default_alias = "fast"
    project.save()
    live.caught_up()

    def alias(**ask: object) -> str:
        answer = http.post(GENERATE, json={"prompt": "Hi", **ask}).json()
        return str(answer["alias"])

    assert alias(taskType="code") == "deep"
    assert alias(taskType="creative") == "creative", "an alias of the task's own name"
    assert alias(taskType="analysis") == "fast", "neither: the default"
    assert alias(taskType="code", model="fast") == "fast"


def test_routing_orders_and_narrows(
    http: httpx.Client, offer: Offer, provider: Provider, live: LiveGateway
) -> None:
    dear, cheap = (offered_model(provider, name) for name in ("sim-a", "sim-chat"))
    alias = AliasFactory.create(name="fast")
    for priority, model in enumerate((dear, cheap), start=1):
        AliasTargetFactory.create(alias=alias, model=model, priority=priority)
    cheap.capabilities = ["text", "vision"]
    cheap.expected_latency_ms = 5
    cheap.save()
    live.caught_up()

    def routed(**routing: object) -> dict[str, Any]:
        response = http.post(GENERATE, json={**HELLO, "routing": routing})
        answer: dict[str, Any] = response.json()
        return answer

    assert routed()["model"] == "sim-a"
    # Nothing was seen yet, so the catalog's figures count.
    live.settled()
    OBSERVATIONS.clear()
    fastest = routed(strategy="fastest")
    assert (fastest["model"], fastest["routing"]["strategy"]) == ("sim-chat", "fastest")
    assert routed(requiredCapabilities=["vision"])["model"] == "sim-chat"
    assert routed(region="eu")["error"]["code"] == "no_healthy_candidate"
    lacking = routed(requiredCapabilities=["audio_in"])["error"]
    assert "it lacks audio_in" in lacking["message"]


def test_attribution_is_kept_with_the_usage(
    http: httpx.Client, offer: Offer, live: LiveGateway, project: Project
) -> None:
    offer("sim-chat")

    http.post(
        GENERATE,
        json={**HELLO, "userId": "Zoë", "feature": "chat", "priority": "high"},
        headers={"x-signalbox-feature": "other", "x-signalbox-feature-id": "7"},
    )

    (event,) = live.events(project)
    assert (event.end_user, event.feature, event.feature_id) == ("Zoë", "chat", "7")
    assert event.tags == ["priority:high"]


@pytest.mark.parametrize("path", [GENERATE, STREAM])
@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": 1}, "prompt"),
        ({"prompt": None, "messages": []}, "messages"),
        ({"prompt": None, "messages": [{"role": "king"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "Hi"}]}, "messages"),
        ({"temperature": "warm"}, "temperature"),
        ({"temperature": 3}, "temperature"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"stream": True}, "stream"),
        ({"model": 1}, "model"),
        ({"provider": 1}, "provider"),
        ({"provider": "nobody"}, "provider"),
        ({"provider": {"onyl": []}}, "provider.onyl"),
        ({"taskType": "poetry"}, "taskType"),
        ({"tools": [{"type": "magic"}]}, "tools[0].type"),
        ({"toolChoice": "sometimes"}, "toolChoice"),
        ({"responseFormat": "xml"}, "responseFormat"),
        ({"responseFormat": {"type": "xml"}}, "responseFormat.type"),
        ({"responseFormat": {"type": "json_schema"}}, "responseFormat.schema"),
        (
            {
                "responseFormat": {
                    "type": "json_schema",
                    "schema": {"$ref": "https://a.example/schema"},
                }
            },
            "responseFormat",
        ),
        ({"userId": "x" * 201}, "userId"),
        ({"feature": "a\u0000b"}, "feature"),
        ({"priority": {}}, "priority"),
        ({"routing": {"strategy": "random"}}, "routing.strategy"),
        ({"routing": {"speed": 1}}, "routing.speed"),
        (
            {"routing": {"requiredCapabilities": ["magic"]}},
            "routing.requiredCapabilities",
        ),
        ({"cache": {"enabled": "yes"}}, "cache.enabled"),
        ({"cache": {"ttl": -1}}, "cache.ttl"),
        ({"cache": {"forever": True}}, "cache.forever"),
        ({"context": {"scope": "nowhere"}}, "context.scope"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    http: httpx.Client,
    offer: Offer,
    upstream: Simulator,
    path: str,
    change: dict[str, object],
    param: str,
) -> None:
    offer("sim-chat")

    response = http.post(path, json={**HELLO, **change})

    assert response.status_code == 400
    refused = response.json()
    assert (refused["success"], refused["requestId"]) == (
        False,
        response.headers["x-request-id"],
    )
    assert (refused["error"]["code"], refused["error"]["param"]) == (
        "invalid_request",
        param,
    )
    assert not upstream.calls


def test_the_cache_may_be_asked_for_and_is_not_used(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-chat")
    ask = {**HELLO, "cache": {"enabled": True, "ttl": 60}}

    answers = [http.post(GENERATE, json=ask).json() for _ in range(2)]

    assert [answer["cached"] for answer in answers] == [False, False]


def test_every_refusal_has_our_own_shape(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    project: Project,
) -> None:
    offer("sim-chat")
    LimitFactory.create(project=project, metric="requests", amount=1, per="day")
    live.caught_up()
    refused = [
        http.post(GENERATE, content=b"{"),
        http.post(GENERATE, json=HELLO, headers={"authorization": "Bearer sb_x"}),
        http.post(GENERATE, json=HELLO, headers={"x-project-id": "birch"}),
        http.post(GENERATE, json={**HELLO, "model": "fats"}),
        http.get("/api/ai/nothing"),
        http.get(GENERATE),
        [http.post(GENERATE, json=HELLO) for _ in range(2)][1],
    ]

    assert [(r.status_code, r.json()["error"]["code"]) for r in refused] == [
        (400, "invalid_request"),
        (401, "invalid_api_key"),
        (403, "permission_denied"),
        (404, "model_not_found"),
        (404, "not_found"),
        (405, "method_not_allowed"),
        (429, "rate_limit_exceeded"),
    ]
    for response in refused:
        assert response.json()["success"] is False
        assert response.json()["requestId"] == response.headers["x-request-id"]
        assert response.json()["error"]["message"]


def test_a_default_that_cannot_be_said_is_nobodys_loss(
    http: httpx.Client, offer: Offer, live: LiveGateway, project: Project
) -> None:
    project.strict_params = True
    project.save()
    offer("gpt-6-sol")

    unsaid = http.post(GENERATE, json=HELLO)
    said = http.post(GENERATE, json={**HELLO, "temperature": 0.5})

    assert unsaid.status_code == 200, unsaid.text
    assert "x-signalbox-dropped-params" not in unsaid.headers
    assert said.status_code == 400
    assert "temperature" in said.json()["error"]["message"]
