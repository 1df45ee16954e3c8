"""Answers that must be JSON of a given form, whatever the model is able to do."""

import json
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import openai
import pytest
from google import genai
from google.genai import types

from catalog.models import AIModel
from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.asking import HELLO, PATH
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "size": {"type": "integer"}},
    "required": ["place", "size"],
    "additionalProperties": False,
}
FORM: Any = {
    "type": "json_schema",
    "json_schema": {"name": "place", "schema": SCHEMA, "strict": True},
}


@pytest.fixture
def able(offer: Offer, live: LiveGateway) -> Any:
    """Offer models that take a schema, or what else is said of them."""

    def put(*models: str, capabilities: tuple[str, ...] = ("json_schema",)) -> None:
        offer(*models)
        AIModel.objects.update(capabilities=["text", *capabilities])
        live.caught_up()

    return put


def ask(http: httpx.Client, form: Any = FORM, **fields: Any) -> httpx.Response:
    body = {"model": "fast", "messages": HELLO, "response_format": form, **fields}
    return http.post(PATH, json=body)


def said(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return json.loads(response.json()["choices"][0]["message"]["content"])


def test_an_answer_that_fits_is_relayed_untouched(
    http: httpx.Client, able: Any, upstream: Simulator
) -> None:
    able("sim-chat")

    response = ask(http)

    assert set(said(response)) == {"place", "size"}
    assert response.headers["x-signalbox-attempts"] == "1"
    assert "x-signalbox-dropped-params" not in response.headers


def test_a_model_that_gets_it_wrong_is_told_once_and_both_attempts_are_metered(
    http: httpx.Client, live: LiveGateway, able: Any, project: Project
) -> None:
    able("sim-fault-wrong-json-once")

    response = ask(http)

    assert set(said(response)) == {"place", "size"}
    assert response.headers["x-signalbox-attempts"] == "2"
    assert response.headers["x-signalbox-fallback"] == "false"
    first, second = sorted(live.events(project), key=lambda event: event.attempt)
    assert (first.status, first.error_code) == ("failed", "schema_validation_failed")
    assert (second.status, second.error_code) == ("ok", "")
    assert not first.estimated
    costs = [event.cost_usd or Decimal(0) for event in (first, second)]
    assert min(costs) > 0
    assert Decimal(response.headers["x-signalbox-cost-usd"]) == sum(costs)


def test_a_model_that_does_not_learn_is_followed_by_the_next(
    http: httpx.Client, live: LiveGateway, able: Any, project: Project
) -> None:
    able("sim-fault-wrong-json", "sim-chat")

    response = ask(http)

    assert set(said(response)) == {"place", "size"}
    assert response.headers["x-signalbox-attempts"] == "3"
    assert response.headers["x-signalbox-fallback"] == "true"
    assert [event.status for event in live.events(project)].count("failed") == 2


def test_when_nobody_gets_it_right_the_client_is_told_so(
    client: openai.OpenAI, live: LiveGateway, able: Any, project: Project
) -> None:
    able("sim-fault-wrong-json")

    with pytest.raises(openai.UnprocessableEntityError) as raised:
        client.chat.completions.create(
            model="fast", messages=HELLO, response_format=FORM
        )

    assert raised.value.code == "schema_validation_failed"
    assert "required property" in raised.value.message
    assert raised.value.response.headers["x-should-retry"] == "false"
    assert len(live.events(project)) == 2


@pytest.mark.parametrize("capabilities", [(), ("json_mode",)])
def test_a_model_that_takes_no_schema_is_told_it_in_words(
    http: httpx.Client, able: Any, upstream: Simulator, capabilities: tuple[str, ...]
) -> None:
    able("sim-chat", capabilities=capabilities)

    response = ask(http)

    assert set(said(response)) == {"place", "size"}
    assert response.headers["x-signalbox-attempts"] == "1"


def test_json_in_a_markdown_fence_is_taken_out_of_it(
    http: httpx.Client, able: Any
) -> None:
    able("sim-fault-fenced-json", capabilities=())

    response = ask(http)

    assert set(said(response)) == {"place", "size"}
    assert response.headers["x-signalbox-attempts"] == "1"


def test_an_open_object_is_checked_as_well(http: httpx.Client, able: Any) -> None:
    able("sim-fault-fenced-json", "sim-chat")
    messages = [{"role": "user", "content": "Hello, in JSON"}]

    response = ask(http, {"type": "json_object"}, messages=messages)

    assert isinstance(said(response), dict)
    assert response.headers["x-signalbox-fallback"] == "false"


@pytest.mark.parametrize(
    "schema",
    [{"$ref": "http://127.0.0.1:9/a.json"}, {"type": "nonsense"}],
)
def test_a_schema_that_cannot_be_checked_is_refused_before_anybody_is_asked(
    http: httpx.Client, able: Any, upstream: Simulator, schema: Any
) -> None:
    able("sim-chat")

    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    response = ask(http, form)

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "response_format"
    assert not upstream.calls


def test_a_stream_is_passed_on_as_it_comes(http: httpx.Client, able: Any) -> None:
    able("sim-chat")

    response = ask(http, stream=True)

    assert response.status_code == 200
    assert response.text.endswith("data: [DONE]\n\n")


def test_anthropics_and_googles_clients_get_their_form_too(
    live: LiveGateway, able: Any, key: str
) -> None:
    able("sim-fault-wrong-json-once")

    with anthropic.Anthropic(base_url=live.url, api_key=key, max_retries=0) as client:
        message = client.messages.create(
            model="fast",
            max_tokens=500,
            messages=HELLO,
            output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
        )
    google = genai.Client(
        api_key=key, http_options=types.HttpOptions(base_url=live.url)
    )
    answer = google.models.generate_content(
        model="fast",
        contents="Hello",
        config=types.GenerateContentConfig(
            response_mime_type="application/json", response_json_schema=SCHEMA
        ),
    )
    google.close()

    (block,) = message.content
    assert block.type == "text"
    assert set(json.loads(block.text)) == {"place", "size"}
    assert set(json.loads(answer.text or "")) == {"place", "size"}
