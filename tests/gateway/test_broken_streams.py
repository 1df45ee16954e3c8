"""Streams that break off, and answers that are odd without being broken."""

import httpx
import openai
import pytest

from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.asking import HELLO, ask, plain_and_streamed
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from usage.models import UsageEvent

pytestmark = pytest.mark.usefixtures("accounted")


def outcomes(live: LiveGateway, project: Project) -> list[tuple[str, str, str]]:
    return [
        (event.model, event.status, event.error_code) for event in live.events(project)
    ]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("truncate-5", "incomplete", "upstream_bad_response"),
        ("no-done-5", "incomplete", "upstream_bad_response"),
        ("no-done-finished", "incomplete", "upstream_bad_response"),
        ("stall-5", "incomplete", "upstream_timeout"),
        ("error-midstream-5-pace-5", "failed", "server_is_overloaded"),
    ],
)
@pytest.mark.usefixtures("impatient")
def test_a_stream_that_breaks_off_ends_with_an_error_event(
    http: httpx.Client,
    client: openai.OpenAI,
    live: LiveGateway,
    offer: Offer,
    project: Project,
    fault: str,
    status: str,
    code: str,
) -> None:
    offer(f"sim-fault-{fault}", "sim-chat")

    response = ask(http, stream=True)
    with pytest.raises(openai.APIError) as failed:
        list(client.chat.completions.create(model="fast", messages=HELLO, stream=True))

    assert response.status_code == 200
    assert "[DONE]" not in response.text
    assert f'"code":"{code}"' in response.text.rstrip().rpartition("\n")[2]
    assert failed.value.code == code
    for event in live.events(project):
        assert (event.model, event.status) == (f"sim-fault-{fault}", status)
        assert event.error_code == code
        # That provider tells its usage and leaves the terminator out.
        assert event.estimated is (fault != "no-done-finished")
        assert event.output_tokens > 0
        assert event.cost_usd is not None


def test_an_error_that_comes_with_the_first_words_is_a_reason_to_ask_the_next(
    http: httpx.Client, offer: Offer
) -> None:
    offer("sim-fault-error-midstream-1", "sim-chat")

    response = ask(http, stream=True)

    assert response.headers["x-signalbox-attempts"] == "2"
    assert "overloaded" not in response.text


def test_what_broke_off_is_not_followed_by_another_answer(
    http: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-fault-error-midstream-5-pace-5", "sim-chat")

    ask(http, stream=True)

    assert len(upstream.calls) == 1


@pytest.mark.parametrize(
    "fault",
    [
        "badutf8",
        "fragments-1",
        "odd-sse",
        "duplicate-keys",
        "wrong-model",
        "set-cookie",
    ],
)
@plain_and_streamed
def test_what_is_odd_but_no_failure_is_passed_on(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    project: Project,
    fault: str,
    stream: bool,
) -> None:
    offer(f"sim-fault-{fault}")

    response = ask(http, stream=stream)

    assert response.status_code == 200
    assert not {"set-cookie", "location", "x-hop"} & {*response.headers}
    assert response.headers["x-signalbox-provider"] == "sim"
    (event,) = live.events(project)
    assert event.status == "ok"
    assert event.model == f"sim-fault-{fault}"
    if fault == "wrong-model":
        assert event.reported_model == "sim-of-another-name"


@pytest.mark.parametrize("kind", ["no", "zero", "negative", "absurd"])
@plain_and_streamed
def test_usage_that_cannot_be_true_is_estimated(
    http: httpx.Client,
    live: LiveGateway,
    offer: Offer,
    project: Project,
    kind: str,
    stream: bool,
) -> None:
    offer(f"sim-fault-{kind}-usage")

    assert ask(http, stream=stream).status_code == 200

    (event,) = live.events(project)
    assert event.status == "ok"
    assert event.estimated
    assert 0 < event.input_tokens < 1_000
    assert 0 < event.output_tokens < 1_000
    assert event.cost_usd is not None


def test_a_json_answer_to_a_stream_request_is_a_reason_to_ask_the_next(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-fault-json-for-stream", "sim-chat")

    response = ask(http, stream=True)

    assert response.headers["x-signalbox-attempts"] == "2"
    assert response.text.endswith("data: [DONE]\n\n")
    assert outcomes(live, project) == [
        ("sim-fault-json-for-stream", "failed", "upstream_bad_response"),
        ("sim-chat", "ok", ""),
    ]


def test_every_second_failure_is_made_up_for(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-fault-flaky-2", "sim-chat")

    statuses = [ask(http, stream=False).status_code for _ in range(4)]

    assert statuses == [200] * 4
    live.settled()
    events = UsageEvent.objects.for_project(project)
    assert events.filter(status="failed").count() == 2
    assert events.filter(status="ok").count() == 4


def test_events_and_headers_agree_on_the_route(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-fault-500", "sim-fault-503", "sim-chat")

    response = ask(http, stream=False)

    *_, last = live.events(project)
    assert response.headers["x-signalbox-attempts"] == str(last.attempt) == "3"
    assert last.routing == {
        "order": ["sim/sim-fault-500", "sim/sim-fault-503", "sim/sim-chat"]
    }
