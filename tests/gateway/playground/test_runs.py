"""Runs of the playground: the same gateway, on a project's account, by a person."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User

from catalog.models import Provider
from catalog.protocols import Operation
from gateway.simulator import Simulator
from tenants.models import Budget, Limit, Organization, Project, Role
from tests.factories import EndpointFactory
from tests.gateway.conftest import CREDENTIAL, Offer
from tests.gateway.live import LiveGateway, wait_until
from tests.gateway.playground.conftest import PAGE, Run, sent_form, sign_in
from tests.people import person
from usage.models import CapturedText


def told(lines: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [line for line in lines if line["kind"] == kind]
    return found


def said(lines: list[dict[str, Any]], kind: str = "text") -> str:
    return "".join(line["text"] for line in lines if line["kind"] == kind)


@pytest.fixture(autouse=True)
def _account(project: Project) -> None:
    """Let there be the project that all runs are for."""


def test_a_run_shows_the_explanation_the_answer_its_headers_and_its_cost(
    run: Run, offer: Offer
) -> None:
    offer("sim-chat", "sim-chat-2")

    lines = run()

    explained, head, end = (told(lines, k) for k in ("explained", "head", "end"))
    assert [each["name"] for each in explained["candidates"]] == [
        "sim/sim-chat",
        "sim/sim-chat-2",
    ]
    assert explained["strategy"] == "priority"
    assert head["status"] == 200
    assert dict(head["headers"])["x-signalbox-model"] == "sim-chat"
    assert said(lines)
    assert (
        said(lines)
        in json.loads(said(lines, "raw"))["choices"][0]["message"]["content"]
    )
    assert Decimal(end["cost_usd"]) > 0
    assert end["outcome"] == "ok"


def test_a_streamed_answer_comes_piece_by_piece(run: Run, offer: Offer) -> None:
    offer("sim-chat-pace-10")

    lines = run(stream="on")

    pieces = [line["text"] for line in lines if line["kind"] == "text"]
    assert len(pieces) > 1
    assert said(lines, "raw").rstrip().endswith("data: [DONE]")
    assert Decimal(told(lines, "end")["cost_usd"]) > 0
    assert told(lines, "end")["first_token_ms"] > 0


@pytest.mark.parametrize("stream", ["", "on"])
@pytest.mark.parametrize(
    ("place", "body"),
    [
        ("openai-responses", {"input": "Hello"}),
        (
            "anthropic-messages",
            {"max_tokens": 50, "messages": [{"role": "user", "content": "Hello"}]},
        ),
        ("gemini-generate", {"contents": [{"parts": [{"text": "Hello"}]}]}),
        ("signalbox-generate", {"prompt": "Hello"}),
    ],
)
def test_every_dialect_of_conversations_is_read(
    run: Run, offer: Offer, place: str, body: dict[str, Any], stream: str
) -> None:
    offer("sim-chat")

    lines = run(place=place, body=body, stream=stream)

    assert told(lines, "head")["status"] == 200, lines
    assert len(said(lines)) > 5
    assert told(lines, "end")["outcome"] == "ok"
    assert told(lines, "explained")["candidates"]


def test_an_embedding_is_told_in_words(
    run: Run, offer: Offer, provider: Provider
) -> None:
    EndpointFactory.create(
        provider=provider, operation=Operation.EMBEDDINGS, pattern="/v1/embeddings",
        handler="openai_embeddings",
    )  # fmt: skip
    alias = offer("sim-embed", name="vectors", operation="embeddings")
    model = alias.targets.get().model
    assert model is not None
    model.operations = ["embeddings"]
    model.save()

    lines = run(place="openai-embeddings", model="vectors", body={"input": ["a", "b"]})

    assert told(lines, "head")["status"] == 200, lines
    assert said(lines).count("dimensions:") == 2


def test_a_run_is_metered_to_the_project_and_names_the_person(
    run: Run, offer: Offer, live: LiveGateway, project: Project, admin_user: User
) -> None:
    offer("sim-chat")

    lines = run(end_user="u-7")

    (event,) = live.events(project)
    assert (event.feature, event.feature_id) == (
        "playground",
        admin_user.get_username(),
    )
    assert event.end_user == "u-7"
    assert event.api_key_id is None
    assert str(event.request_id) == dict(told(lines, "head")["headers"])["x-request-id"]
    assert event.cost_usd == Decimal(told(lines, "end")["cost_usd"])


def test_every_run_is_written_down_before_it_is_asked(
    run: Run, offer: Offer, signed_in: httpx.Client, project: Project, admin_user: User
) -> None:
    offer("sim-chat")

    head = told(run(body={"messages": []}), "head")

    (entry,) = LogEntry.objects.filter(object_repr="acorn")
    assert entry.user == admin_user
    assert entry.object_id == str(project.pk)
    request_id = dict(head["headers"])["x-request-id"]
    assert head["status"] == 400
    assert request_id in entry.change_message
    assert "OpenAI Chat completions, fast" in signed_in.get(PAGE).text


def test_a_projects_limits_hold(run: Run, offer: Offer, project: Project) -> None:
    Limit.objects.create(project=project, metric="requests", amount=1, per="day")
    offer("sim-chat")

    first, second = run(), run()

    assert told(first, "head")["status"] == 200
    assert told(second, "head")["status"] == 429
    assert "limit" in said(second)


def test_a_projects_budgets_hold(
    run: Run, offer: Offer, project: Project, upstream: Simulator
) -> None:
    Budget.objects.create(
        project=project, amount_usd=Decimal("0.000001"), per="month", mode="hard"
    )
    offer("sim-chat")

    lines = run()

    assert told(lines, "head")["status"] == 402
    assert not upstream.calls


def test_a_name_that_stands_for_nothing_is_told(run: Run, live: LiveGateway) -> None:
    lines = run(model="nowhere")

    assert "nowhere" in told(lines, "refused")["message"]
    assert told(lines, "head")["status"] == 404


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"project": "nowhere"}, "project"),
        ({"place": "nowhere"}, "place"),
        ({"body": "{"}, "body"),
        ({"body": "[]"}, "body"),
        ({"end_user": "Zoë"}, "end_user"),
        ({"place": "gemini-generate", "model": ""}, "model"),
    ],
)
def test_what_is_wrong_with_the_form_is_said_at_its_field(
    signed_in: httpx.Client, fields: dict[str, str], name: str
) -> None:
    response = signed_in.post(f"{PAGE}run/", data=sent_form(signed_in, **fields))

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [name]
    assert not LogEntry.objects.exists()


def test_the_command_does_the_same_and_holds_no_key(
    signed_in: httpx.Client, offer: Offer
) -> None:
    offer("sim-chat")
    body = {"messages": [{"role": "user", "content": "It's $HOME"}]}

    page = signed_in.post(
        f"{PAGE}command/", data=sent_form(signed_in, body=body, end_user="u-1")
    )

    command = page.json()["command"]
    assert f"{signed_in.base_url}/v1/chat/completions" in command
    assert '"authorization: Bearer $SIGNALBOX_KEY"' in command
    assert "'x-signalbox-user: u-1'" in command
    assert "It'\"'\"'s $HOME" in command
    assert CREDENTIAL not in signed_in.get(PAGE).text


def test_a_run_without_the_forms_token_is_refused(
    signed_in: httpx.Client, offer: Offer, upstream: Simulator
) -> None:
    offer("sim-chat")
    sent = sent_form(signed_in)
    del sent["csrfmiddlewaretoken"]

    response = signed_in.post(f"{PAGE}run/", data=sent)

    assert response.status_code == 403
    assert not upstream.calls


def test_a_page_is_not_a_way_to_run(signed_in: httpx.Client) -> None:
    assert signed_in.get(f"{PAGE}run/").status_code == 405


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.READ_ONLY, 403), (Role.ANALYST, 403), (Role.OPERATOR, 200)],
)
def test_it_takes_an_operator_to_spend(
    live: LiveGateway, project: Project, role: Role, status: int
) -> None:
    person(role, project.organization)
    with sign_in(live, "ann", "a-long-pass-phrase") as client:
        page = client.get(PAGE)

        assert page.status_code == status
        assert ("acorn" in page.text) is (status == 200)


def test_nobody_spends_for_another_organization(
    live: LiveGateway, project: Project, upstream: Simulator
) -> None:
    other = Organization.objects.create(slug="other", name="Other")
    person(Role.OWNER, other)
    with sign_in(live, "ann", "a-long-pass-phrase") as client:
        response = client.post(f"{PAGE}run/", data=sent_form(client))

        assert response.status_code == 400
        assert "project" in response.json()["errors"]
        assert "acorn" not in client.get(PAGE).text
    assert not upstream.calls


def test_what_is_captured_is_the_run_and_not_its_explanation(
    run: Run, offer: Offer, live: LiveGateway, project: Project
) -> None:
    project.capture = True
    project.save()
    offer("sim-chat")

    run()

    wait_until(lambda: CapturedText.objects.exists())
    (kept,) = CapturedText.objects.for_project(project)
    assert kept.path == "/v1/chat/completions"
