"""What is dear waits until somebody agrees, and then goes through one time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import openai
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.utils import timezone

from catalog.models import Provider
from gateway.simulator import Simulator
from tenants import approvals
from tenants.models import Approval, Project
from tests.factories import AIModelFactory, AliasTargetFactory, PriceFactory
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from usage.models import Notification

HEADER = "x-signalbox-approval"
# At 2 USD per million tokens out, this is 2 USD.
DEAR = {
    "model": "fast",
    "messages": [{"role": "user", "content": "hello"}],
    "max_tokens": 1_000_000,
}
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def approver(transactional_db: None) -> AbstractBaseUser:
    return get_user_model().objects.create_superuser("approver")


def ask(http: httpx.Client, body: Any, **headers: str) -> httpx.Response:
    return http.post("/v1/chat/completions", json=body, headers=headers)


def approve(approval_id: str, by: AbstractBaseUser) -> None:
    approvals.decide(approval_id, approved=True, by=by, lasts=AN_HOUR)  # type: ignore[arg-type]


def test_a_dear_request_waits_and_goes_through_once_after_approval(
    offer: Offer,
    http: httpx.Client,
    live: LiveGateway,
    project: Project,
    upstream: Simulator,
    approver: AbstractBaseUser,
) -> None:
    offer("sim-chat")

    refused = ask(http, DEAR)

    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (403, "approval_required")
    assert refused.headers["x-should-retry"] == "false"
    assert error["approval_url"].endswith(f"{error['approval_id']}/change/")
    assert "2.00" in error["message"]
    assert not upstream.calls
    approval = Approval.objects.get()
    assert approval.expires_at.isoformat() == error["expires_at"]
    assert (approval.model, approval.alias) == ("sim-chat", "fast")
    assert approval.estimate_usd > Decimal(2)

    approve(error["approval_id"], approver)
    answer = ask(http, DEAR, **{HEADER: error["approval_id"]})
    again = ask(http, DEAR, **{HEADER: error["approval_id"]})

    assert answer.status_code == 200
    assert again.status_code == 403
    assert Approval.objects.get(pk=approval.pk).state == "used"
    assert again.json()["error"]["approval_id"] != error["approval_id"]
    assert len(live.events(project)) == len(upstream.calls) == 1


def test_the_same_request_makes_one_approval_however_it_is_written(
    offer: Offer, http: httpx.Client
) -> None:
    offer("sim-chat")

    first = ask(http, DEAR).json()["error"]["approval_id"]
    turned = dict(reversed(DEAR.items()))
    second = ask(http, turned).json()["error"]["approval_id"]

    assert first == second
    assert Approval.objects.count() == Notification.objects.count() == 1


def test_an_approval_is_for_that_request_alone(
    offer: Offer, http: httpx.Client, upstream: Simulator, approver: AbstractBaseUser
) -> None:
    offer("sim-chat")
    approval_id = ask(http, DEAR).json()["error"]["approval_id"]
    approve(approval_id, approver)
    other = {**DEAR, "max_tokens": 2_000_000}

    refused = ask(http, other, **{HEADER: approval_id})

    assert refused.status_code == 403
    assert refused.json()["error"]["approval_id"] != approval_id
    assert not upstream.calls
    assert Approval.objects.get(pk=approval_id).state == "approved"


def test_of_many_retries_at_once_one_goes_through(
    offer: Offer, http: httpx.Client, upstream: Simulator, approver: AbstractBaseUser
) -> None:
    offer("sim-chat")
    approval_id = ask(http, DEAR).json()["error"]["approval_id"]
    approve(approval_id, approver)

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: ask(http, DEAR, **{HEADER: approval_id}), range(16))
        )

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [403] * 15
    assert len(upstream.calls) == 1


def test_of_many_decisions_at_once_one_counts_w4(
    offer: Offer, http: httpx.Client, approver: AbstractBaseUser
) -> None:
    offer("sim-chat")
    approval_id = ask(http, DEAR).json()["error"]["approval_id"]

    def decide(number: int) -> bool:
        try:
            approvals.decide(
                approval_id, approved=number % 2 == 0, by=approver, lasts=AN_HOUR
            )
        except approvals.AlreadyDecided:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(decide, range(40))) == 1


def test_what_failed_upstream_may_be_sent_again(
    offer: Offer, http: httpx.Client, approver: AbstractBaseUser
) -> None:
    offer("sim-fault-500", name="broken")
    body = {**DEAR, "model": "broken"}
    approval_id = ask(http, body).json()["error"]["approval_id"]
    approve(approval_id, approver)

    failed = ask(http, body, **{HEADER: approval_id})

    assert failed.status_code == 502
    assert Approval.objects.get(pk=approval_id).state == "approved"


def test_what_was_not_sent_in_time_is_over(
    offer: Offer, http: httpx.Client, approver: AbstractBaseUser
) -> None:
    offer("sim-chat")
    approval_id = ask(http, DEAR).json()["error"]["approval_id"]
    approve(approval_id, approver)
    Approval.objects.update(expires_at=timezone.now() - AN_HOUR)

    late = ask(http, DEAR, **{HEADER: approval_id})

    assert late.status_code == 403
    assert late.json()["error"]["approval_id"] != approval_id
    approvals.expire(timezone.now())
    assert Approval.objects.get(pk=approval_id).state == "expired"


def test_another_project_cannot_use_an_approval(
    offer: Offer,
    http: httpx.Client,
    other_project: Project,
    live: LiveGateway,
    upstream: Simulator,
    approver: AbstractBaseUser,
) -> None:
    offer("sim-chat")
    approval_id = ask(http, DEAR).json()["error"]["approval_id"]
    approve(approval_id, approver)
    _, text = other_project.api_keys.model.issue(other_project, "other")

    stolen = ask(http, DEAR, **{HEADER: approval_id, "authorization": f"Bearer {text}"})

    assert stolen.status_code == 403
    assert not upstream.calls


def test_a_project_may_set_its_own_threshold(
    offer: Offer, http: httpx.Client, project: Project, live: LiveGateway
) -> None:
    offer("sim-chat")
    cheap = {**DEAR, "max_tokens": 10}
    assert ask(http, cheap).status_code == 200

    Project.objects.update(auto_approve_threshold_usd=Decimal("0.0000"))
    live.caught_up()

    assert ask(http, cheap).status_code == 403


def test_a_dear_fallback_is_not_asked_without_approval(
    offer: Offer,
    http: httpx.Client,
    provider: Provider,
    live: LiveGateway,
    project: Project,
) -> None:
    alias = offer("sim-fault-500")
    dear = AIModelFactory.create(provider=provider, model_id="sim-chat")
    for component in ("input", "output"):
        PriceFactory.create(
            model=dear, component=component, per_million=Decimal(90_000)
        )
    AliasTargetFactory.create(alias=alias, model=dear, priority=2)
    live.caught_up()

    answer = ask(http, {**DEAR, "max_tokens": 100})

    assert answer.status_code == 502
    assert {event.model for event in live.events(project)} == {"sim-fault-500"}


@pytest.mark.parametrize("sent", ["nonsense", "0" * 40])
def test_an_approval_that_is_no_id_is_refused(
    offer: Offer, http: httpx.Client, sent: str
) -> None:
    offer("sim-chat")

    answer = ask(http, DEAR, **{HEADER: sent})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == HEADER


def test_official_clients_show_what_to_do(
    offer: Offer, live: LiveGateway, key: str, client: openai.OpenAI
) -> None:
    offer("sim-chat")
    with pytest.raises(openai.PermissionDeniedError) as by_openai:
        client.chat.completions.create(
            model="fast",
            messages=[{"role": "user", "content": "hello"}],
            max_tokens=1_000_000,
        )
    with (
        anthropic.Anthropic(base_url=live.url, api_key=key, max_retries=0) as other,
        pytest.raises(anthropic.PermissionDeniedError) as by_anthropic,
    ):
        other.messages.create(
            model="fast",
            messages=[{"role": "user", "content": "hello"}],
            max_tokens=1_000_000,
            timeout=10,
        )

    assert isinstance(by_openai.value.body, dict)
    assert by_openai.value.body["approval_id"]
    said = by_anthropic.value.response.json()
    assert said["error"]["approval_id"] != by_openai.value.body["approval_id"]
    assert said["request_id"] == by_anthropic.value.response.headers["x-request-id"]


def test_a_dear_call_that_is_passed_through_waits_too(
    offer: Offer,
    http: httpx.Client,
    project: Project,
    live: LiveGateway,
    upstream: Simulator,
    approver: AbstractBaseUser,
) -> None:
    offer("sim-chat")
    Project.objects.update(auto_approve_threshold_usd=Decimal("0.0000"))
    live.caught_up()
    body = {"model": "sim-chat", "messages": [{"role": "user", "content": "hello"}]}
    path = "/proxy/sim/v1/chat/completions"

    refused = http.post(path, json=body)

    assert refused.status_code == 403
    assert not upstream.calls
    approval_id = refused.json()["error"]["approval_id"]
    approve(approval_id, approver)
    turned = dict(reversed(body.items()))
    assert http.post(path, json=turned, headers={HEADER: approval_id}).is_success
    assert http.post(path, json=body, headers={HEADER: approval_id}).is_client_error
