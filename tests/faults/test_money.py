"""Prices, budgets and targets that change while a request is under way."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import httpx
from django.utils import timezone

from catalog.models import AIModel
from gateway.simulator import Simulator
from tenants.models import Budget, Project
from tests.factories import PriceFactory
from tests.faults.asking import PATH, ask, body, code_of
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway

# A second of words, so that there is time to change something.
SLOW = "sim-chat-pace-50-events-20"
DONE = "data: [DONE]"


@contextmanager
def begun(http: httpx.Client) -> Iterator[Iterator[str]]:
    """Ask for a stream and yield its lines, the first of which has come."""
    with http.stream("POST", PATH, json=body(stream=True)) as response:
        assert response.status_code == 200
        lines = response.iter_lines()
        next(lines)
        yield lines


def test_a_price_that_changes_meanwhile_is_that_of_the_beginning_m5(
    live: LiveGateway, http: httpx.Client, offer: Offer, project: Project
) -> None:
    offer(SLOW)

    with begun(http) as lines:
        model = AIModel.objects.get(model_id=SLOW)
        since = timezone.now() - timedelta(seconds=1)
        for component in ("input", "output"):
            PriceFactory.create(
                model=model, component=component, per_million=9_000, valid_from=since
            )
        live.caught_up()
        assert [line for line in lines if line][-1] == DONE

    (event,) = live.events(project)
    wanted = Decimal(event.input_tokens + 2 * event.output_tokens) / 1_000_000
    assert event.cost_usd == wanted


def test_a_dearer_fallback_is_not_paid_by_the_first_ones_reservation_m8(
    live: LiveGateway,
    http: httpx.Client,
    offer: Offer,
    project: Project,
    upstream: Simulator,
) -> None:
    offer("sim-fault-500", "sim-dear")
    dear = AIModel.objects.get(model_id="sim-dear")
    since = timezone.now() - timedelta(seconds=1)
    PriceFactory.create(
        model=dear, component="output", per_million=5_000_000, valid_from=since
    )
    # Enough for the first, and not for the second, of which a token costs 5 USD.
    Budget.objects.create(project=project, amount_usd=Decimal("0.5"), per="day")
    live.caught_up()

    response = ask(http, max_tokens=20)

    assert response.status_code in {402, 502}, response.text
    assert [call.model for call in upstream.calls if call.is_billable] == []
    assert sum(event.cost_usd or 0 for event in live.events(project)) == 0


def test_a_budget_that_is_cut_within_a_stream_lets_it_end_m9(
    live: LiveGateway, http: httpx.Client, offer: Offer, project: Project
) -> None:
    offer(SLOW)

    with begun(http) as lines:
        Budget.objects.filter(project=project).update(amount_usd=Decimal("0.000001"))
        live.caught_up()
        assert [line for line in lines if line][-1] == DONE
    live.settled()
    refused = refused_within(http, seconds=5)

    assert code_of(refused) == "budget_exceeded"
    # Others may have been let through before the change was known.
    assert {event.status for event in live.events(project)} == {"ok"}


def refused_within(http: httpx.Client, seconds: float) -> httpx.Response:
    """Ask until the budget is known to be spent; an answer that was given is counted."""
    end = time.monotonic() + seconds
    while True:
        response = ask(http, "fast", max_tokens=5)
        if response.status_code == 402 or time.monotonic() > end:
            return response
        time.sleep(0.1)
