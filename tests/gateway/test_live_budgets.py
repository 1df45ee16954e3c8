"""Budgets as a client meets them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from gateway.budgets import leases
from gateway.configuration.budget_loading import read_budgets
from gateway.simulator import Simulator
from tenants.models import ApiKey, Budget, EndUser, Organization, Project
from tests.factories import PriceFactory
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until
from usage.models import BudgetLease, BudgetWindow

PATH = "/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "Hello there"}]

Ask = Callable[..., httpx.Response]


@pytest.fixture
def ask(http: httpx.Client) -> Ask:
    def ask(**fields: Any) -> httpx.Response:
        headers = fields.pop("headers", {})
        body = {"model": "fast", "messages": HELLO, "max_tokens": 50, **fields}
        body = {name: value for name, value in body.items() if value is not None}
        return http.post(PATH, json=body, headers=headers)

    return ask


def budget(project: Project, amount: str, **fields: Any) -> Budget:
    made: Budget = Budget.objects.create(
        project=project, amount_usd=Decimal(amount), **fields
    )
    return made


def spent(budget: Budget) -> Decimal:
    windows = BudgetWindow.objects.filter(budget=budget)
    return Decimal(sum(each.spent_nano for each in windows)).scaleb(-9)


def held() -> int:
    return sum(BudgetLease.objects.values_list("amount_nano", flat=True))


def in_flight(live: LiveGateway) -> int:
    kept = live.gateway.escrow
    assert kept is not None
    return sum(each.reserved for each in kept.holdings)


def test_what_is_spent_is_what_the_events_cost(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    monthly = budget(project, "5")
    offer("sim-chat")

    for stream in (False, True, False):
        assert ask(stream=stream).status_code == 200

    costs = [event.cost_usd or 0 for event in live.events(project)]
    assert len(costs) == 3
    assert min(costs) > 0
    assert spent(monthly) == sum(costs)
    assert in_flight(live) == 0


def test_a_spent_budget_refuses_and_says_until_when(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project, upstream: Simulator
) -> None:
    monthly = budget(project, "0.0003")
    offer("sim-chat")

    answers = [ask() for _ in range(20)]
    live.settled()

    statuses = [answer.status_code for answer in answers]
    assert statuses == sorted(statuses)
    assert {*statuses} == {200, 402}
    refused = answers[-1]
    error = refused.json()["error"]
    assert error["code"] == "budget_exceeded"
    assert "monthly budget of the project" in error["message"]
    assert "begins anew at" in error["message"]
    assert refused.headers["x-should-retry"] == "false"
    assert 0 < spent(monthly) <= monthly.amount_usd
    assert len(upstream.calls) == statuses.count(200)


def test_many_at_once_never_spend_more_than_there_is(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    monthly = budget(project, "0.001")
    offer("sim-chat")

    with ThreadPoolExecutor(16) as clients:
        statuses = list(clients.map(lambda _: ask().status_code, range(80)))
    live.settled()

    assert {*statuses} == {200, 402}
    assert 0 < spent(monthly) <= monthly.amount_usd
    assert in_flight(live) == 0


def test_without_a_bound_the_answer_is_as_long_as_the_budget_pays_for(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project, upstream: Simulator
) -> None:
    monthly = budget(project, "0.0004")
    offer("sim-chat-events-300")

    answers = [ask(max_tokens=None) for _ in range(4)]
    live.settled()

    assert answers[0].status_code == 200
    assert answers[0].json()["choices"][0]["finish_reason"] == "length"
    assert answers[-1].status_code == 402
    assert spent(monthly) <= monthly.amount_usd
    body: Any = upstream.calls[0].body
    assert body["max_tokens"] > 16


@pytest.mark.parametrize("mode", ["soft", "shadow"])
def test_a_budget_that_is_not_hard_refuses_nothing(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project, mode: str
) -> None:
    monthly = budget(project, "0.0001", mode=mode)
    offer("sim-chat")

    statuses = []
    for _ in range(6):
        statuses.append(ask().status_code)
        live.settled()

    assert statuses == [200] * 6
    assert spent(monthly) > monthly.amount_usd
    warned = {w.percent for w in monthly.windows.get().warnings.all()}
    assert 100 in warned
    if mode == "shadow":
        wait_until(lambda: monthly.windows.get().would_refuse > 0)


def test_budgets_hold_for_whom_they_are(
    ask: Ask, offer: Offer, project: Project, other_project: Project
) -> None:
    ann = EndUser.objects.create(project=project, external_id="ann")
    narrow, text = ApiKey.issue(project, "narrow")
    budget(project, "0", end_user=ann)
    budget(project, "0", api_key=narrow)
    budget(project, "0", alias="dear")
    budget(other_project, "0")
    offer("sim-chat")
    offer("sim-chat", name="dear")

    def status(**fields: Any) -> int:
        return ask(**fields).status_code

    assert status() == 200
    assert status(headers={"x-signalbox-user": "bob"}) == 200
    assert status(headers={"x-signalbox-user": "ann"}) == 402
    assert status(headers={"authorization": f"Bearer {text}"}) == 402
    assert status(model="dear") == 402


def test_each_end_user_has_a_budget_of_its_own(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    budget(project, "0.0002", each_end_user=True)
    offer("sim-chat")

    def statuses(name: str) -> set[int]:
        headers = {"x-signalbox-user": name}
        return {ask(headers=headers).status_code for _ in range(6)}

    assert statuses("ann") == {200, 402}
    assert statuses("bob") == {200, 402}
    assert ask().status_code == 200


def test_projects_of_an_organization_share_its_budget(
    ask: Ask, offer: Offer, project: Project, other_project: Project
) -> None:
    Budget.objects.create(
        organization=project.organization, amount_usd=Decimal("0.0002")
    )
    _, theirs = ApiKey.issue(other_project, "theirs")
    offer("sim-chat")

    own = [ask().status_code for _ in range(8)]
    refused = ask(headers={"authorization": f"Bearer {theirs}"})

    assert own[0] == 200
    assert own[-1] == refused.status_code == 402
    assert "of the organization" in refused.json()["error"]["message"]


def test_a_raised_budget_serves_again_within_a_second(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    monthly = budget(project, "0")
    offer("sim-chat")
    assert ask().status_code == 402

    monthly.amount_usd = Decimal(5)
    monthly.save()

    assert wait_until(lambda: ask().status_code == 200, 3.0) < 1.5


def test_a_free_answer_needs_no_budget(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    project.cache = {"enabled": True, "ttl_s": 60}
    project.save()
    monthly = budget(project, "0.01")
    offer("sim-chat")

    first, again = ask(temperature=0), ask(temperature=0)
    live.settled()

    assert again.headers["x-signalbox-cache"] == "hit"
    assert spent(monthly) == Decimal(first.headers["x-signalbox-cost-usd"])


def test_a_failed_attempt_gives_back_what_was_reserved(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    monthly = budget(project, "0.001")
    offer("sim-fault-500")

    statuses = {ask().status_code for _ in range(12)}
    live.settled()

    assert 402 not in statuses
    assert not spent(monthly)
    assert not in_flight(live)


def test_a_target_that_is_too_dear_is_left_out_for_one_that_is_not(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project, http: httpx.Client
) -> None:
    budget(project, "0.0006")
    alias = offer("sim-dear", "sim-chat")
    dear = alias.targets.get(model__model_id="sim-dear").model
    PriceFactory.create(
        model=dear,
        component="output",
        per_million=Decimal(1000),
        valid_from=datetime(2021, 1, 1, tzinfo=UTC),
    )
    live.caught_up()

    answer = ask()

    assert answer.status_code == 200
    assert answer.headers["x-signalbox-model"] == "sim-chat"
    told = http.post(
        "/v1/route/explain",
        json={
            "operation": "chat",
            "model": "fast",
            "messages": HELLO,
            "max_tokens": 50,
        },
    ).json()
    assert [drop["code"] for drop in told["dropped"]] == ["budget"]


def test_an_idle_process_holds_nothing(
    live: LiveGateway, ask: Ask, offer: Offer, project: Project
) -> None:
    budget(project, "0.0003")
    offer("sim-chat")
    assert ask().status_code == 200
    live.settled()

    with patch.object(leases, "_IDLE_SECONDS", 0.2):
        wait_until(lambda: held() == 0)


def test_organizations_have_their_own_months(project: Project) -> None:
    organization: Organization = project.organization
    organization.time_zone = "Asia/Tokyo"
    organization.save()
    Budget.objects.create(organization=organization, amount_usd=1)
    budget(project, "1")

    zones = [
        each.time_zone
        for each in read_budgets({project.pk: project.organization_id})[project.pk]
    ]

    assert zones == ["UTC", "Asia/Tokyo"]
