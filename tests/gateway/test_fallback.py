"""What happens when a provider does not answer as hoped."""

import httpx
import openai
import pytest

from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.asking import HELLO, PATH, ask, plain_and_streamed
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

pytestmark = pytest.mark.usefixtures("accounted")

# A fault, the code its attempt is recorded with, and what the client is told when
# nobody else is there to be asked: status and code.
FAULTS: dict[str, tuple[str, int, str]] = {
    "reset": ("upstream_unreachable", 502, "upstream_unreachable"),
    "hang": ("upstream_timeout", 504, "upstream_timeout"),
    "slow-first-3": ("upstream_timeout", 504, "upstream_timeout"),
    "slow-event-3": ("upstream_timeout", 504, "upstream_timeout"),
    "stall-0": ("upstream_timeout", 504, "upstream_timeout"),
    "drip-10": ("upstream_timeout", 504, "upstream_timeout"),
    "truncate-0": ("upstream_bad_response", 502, "upstream_bad_response"),
    "no-done-0": ("upstream_bad_response", 502, "upstream_bad_response"),
    "error-200": ("upstream_error", 502, "upstream_error"),
    "html": ("upstream_bad_response", 502, "upstream_bad_response"),
    "html-503": ("upstream_error", 502, "upstream_error"),
    "empty": ("upstream_bad_response", 502, "upstream_bad_response"),
    "hugeline-1": ("upstream_bad_response", 502, "upstream_bad_response"),
    "gzip": ("upstream_bad_response", 502, "upstream_bad_response"),
    "gzip-twice": ("upstream_bad_response", 502, "upstream_bad_response"),
    "gzip-bomb-8": ("upstream_bad_response", 502, "upstream_bad_response"),
    "redirect": ("upstream_bad_response", 502, "upstream_bad_response"),
    "bad-header": ("upstream_bad_response", 502, "upstream_bad_response"),
    "nan": ("upstream_bad_response", 502, "upstream_bad_response"),
    "429": ("rate_limit_exceeded", 429, "rate_limit_exceeded"),
    "429-retry-after-7": ("rate_limit_exceeded", 429, "rate_limit_exceeded"),
    "quota": ("upstream_auth", 502, "upstream_auth"),
    "500": ("upstream_error", 502, "upstream_error"),
    "502": ("upstream_error", 502, "upstream_error"),
    "503": ("upstream_error", 502, "upstream_error"),
    "529": ("upstream_error", 502, "upstream_error"),
    "401": ("upstream_auth", 502, "upstream_auth"),
    "403": ("upstream_auth", 502, "upstream_auth"),
    "404": ("model_not_found", 404, "model_not_found"),
    "context": ("invalid_request", 400, "context_length_exceeded"),
}


REPEATED = {"reset", "html-503", "500", "502", "503", "529"}


@pytest.mark.parametrize("fault", FAULTS)
@plain_and_streamed
@pytest.mark.usefixtures("impatient", "small_caps")
def test_the_next_target_answers_for_one_that_fails_which_is_named_when_it_is_alone(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    project: Project,
    fault: str,
    stream: bool,
) -> None:
    recorded_code, status, code = FAULTS[fault]
    broken = f"sim-fault-{fault}"
    # Another model, because a rate limit is remembered.
    twin = f"{broken}-latency-1"
    offer(broken, "sim-chat")
    offer(twin, name="alone")

    response = ask(http, stream=stream)
    alone = ask(http, "alone", stream=stream)

    assert response.status_code == 200, response.text
    assert '"model":"sim-chat"' in response.text
    assert response.headers["x-signalbox-model"] == "sim-chat"
    assert response.headers["x-signalbox-attempts"] == "2"
    assert response.headers["x-signalbox-fallback"] == "true"
    first, second, *others = live.events(project)
    assert (first.model, first.status) == (broken, "failed")
    assert (first.error_code, first.fallback) == (recorded_code, False)
    # What may be over in a moment is tried again where there is nobody else.
    assert len(others) == (3 if fault in REPEATED else 1)
    for failed in others:
        assert (failed.model, failed.status) == (twin, "failed")
        assert (failed.error_code, failed.fallback) == (recorded_code, False)
    assert (second.model, second.status, second.error_code) == ("sim-chat", "ok", "")
    assert (second.attempt, second.fallback) == (2, True)
    assert first.request_id == second.request_id

    assert alone.status_code == status
    assert alone.json()["error"]["code"] == code
    assert "Ray ID" not in alone.text
    if status == 429:
        assert alone.headers["retry-after"]
    else:
        assert alone.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("fault", ["huge-2", "endless", "hugeline-2"])
@pytest.mark.usefixtures("small_caps")
def test_an_answer_that_gets_too_long_is_given_up(
    http: httpx.Client, live: LiveGateway, offer: Offer, fault: str
) -> None:
    offer(f"sim-fault-{fault}")

    response = ask(http, stream=False)

    assert response.status_code == 502
    assert response.json()["error"]["code"] == "upstream_bad_response"
    assert live.open_calls() == 0


# Faults that are no reason to ask another


@pytest.mark.parametrize(
    ("fault", "words"),
    [("400", "Invalid value: the simulator"), ("content-policy", "our safety system")],
)
@plain_and_streamed
def test_what_the_client_did_wrong_is_passed_on_and_not_tried_again(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    project: Project,
    upstream: Simulator,
    fault: str,
    words: str,
    stream: bool,
) -> None:
    offer(f"sim-fault-{fault}", "sim-chat")

    response = ask(http, stream=stream)

    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert response.headers["x-should-retry"] == "false"
    assert len(upstream.calls) == 1
    (event,) = live.events(project)
    assert (event.status, event.http_status) == ("failed", 400)


def test_a_refusal_of_the_content_goes_on_where_the_project_says_so(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    Project.objects.update(fallback_on_content_policy=True)
    offer("sim-fault-content-policy", "sim-chat")
    offer("sim-fault-content-policy", name="alone")

    response, alone = ask(http, stream=False), ask(http, "alone", stream=False)

    assert response.headers["x-signalbox-model"] == "sim-chat"
    assert (alone.status_code, alone.headers["x-should-retry"]) == (400, "false")


def test_a_refusal_is_passed_on_in_the_providers_words(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-chat")

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO, stop=["a"] * 9)

    assert refused.value.param == "stop"
    assert refused.value.message


def test_too_long_a_context_is_told_when_no_larger_one_answered(
    client: openai.OpenAI, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-fault-context", "sim-fault-404")

    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.code == "context_length_exceeded"
    assert "8192 tokens" in refused.value.message
    assert len(upstream.calls) == 2


def test_a_refused_credential_is_never_told_as_the_clients_own(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-fault-401")

    with pytest.raises(openai.InternalServerError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.status_code == 502
    assert refused.value.code == "upstream_auth"
    assert "sk-sim" not in refused.value.message


def test_no_two_kinds_of_failure_hide_behind_one_code(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-fault-429", "sim-fault-html")

    response = ask(http, stream=False)

    assert response.status_code == 502
    assert response.json()["error"]["code"] == "upstream_error"


@pytest.mark.parametrize(
    ("faults", "wait"),
    [
        (["429-retry-after-9", "429-retry-after-4"], "4"),
        (["429-retry-after-9", "429"], "9"),
        (["429-absurd"], "1"),
        (["429-absurd-1e9"], "60"),
        (["429-absurd-date"], "60"),
        (["429-absurd-nan"], "1"),
        (["429"], "1"),
    ],
)
def test_rate_limits_everywhere_are_told_with_the_shortest_wait(
    client: openai.OpenAI, offer: Offer, faults: list[str], wait: str
) -> None:
    offer(*[f"sim-fault-{fault}" for fault in faults])

    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.response.headers["retry-after"] == wait


def test_an_unknown_model_at_every_provider_is_not_found(
    client: openai.OpenAI, offer: Offer
) -> None:
    offer("sim-fault-404", "sim-fault-404-latency-1")

    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="fast", messages=HELLO)

    assert refused.value.code == "model_not_found"


def test_nobody_else_is_asked_when_the_request_forbids_it(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-fault-500", "sim-chat")
    body = {"model": "fast", "messages": HELLO, "provider": {"allow_fallbacks": False}}

    response = http.post(PATH, json=body)

    assert response.status_code == 502
    assert {call.model for call in upstream.calls} == {"sim-fault-500"}


def test_a_request_may_bring_its_own_fallbacks(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-fault-500", "sim-chat", name="unused")
    models = ["sim-fault-500", "sim/sim-chat"]

    response = http.post(
        PATH, json={"model": "sim-fault-500", "models": models, "messages": HELLO}
    )

    assert response.status_code == 200
    assert [call.model for call in upstream.calls] == ["sim-fault-500", "sim-chat"]
