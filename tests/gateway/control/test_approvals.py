"""Decisions over HTTP: one wins, and says who it was."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tenants.models import Approval, Organization, Project, Role
from tests.gateway.control.calling import Caller, caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def approval(project: Project) -> Approval:
    return waiting(project)


def waiting(project: Project, digest: bytes = bytes(32)) -> Approval:
    approval: Approval = Approval.objects.create(
        project=project,
        operation="chat",
        path="/v1/chat/completions",
        provider="acme",
        model="large",
        digest=digest,
        estimate_usd=Decimal("2.5"),
        threshold_usd=Decimal(1),
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return approval


def test_a_request_is_let_through(operator: Caller, approval: Approval) -> None:
    path = f"approvals/{approval.pk}"

    answer = operator.post(f"{path}/approve", {"comment": "Fine."})

    told = answer.json()
    assert answer.status_code == 200
    assert (told["state"], told["comment"]) == ("approved", "Fine.")
    assert told["decided_by"] == operator.get("me/").json()["user"]
    assert told["digest"] == "00" * 32
    assert "body" not in told


@pytest.mark.parametrize("second", ["approve", "reject"])
def test_who_comes_second_is_told_how_it_stands(
    operator: Caller, approval: Approval, second: str
) -> None:
    operator.post(f"approvals/{approval.pk}/reject/", {})

    answer = operator.post(f"approvals/{approval.pk}/{second}/", {})

    assert answer.status_code == 409
    assert "rejected already" in answer.json()["error"]["message"]
    approval.refresh_from_db()
    assert approval.state == "rejected"


def test_what_expired_cannot_be_decided(operator: Caller, approval: Approval) -> None:
    Approval.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    path = f"approvals/{approval.pk}/"

    assert operator.get(path).json()["state"] == "expired"
    assert operator.post(f"{path}approve/", {}).status_code == 409


def test_approvals_are_not_written_otherwise(
    operator: Caller, approval: Approval
) -> None:
    path = f"approvals/{approval.pk}/"

    for answer in (
        operator.patch(path, {"state": "approved"}),
        operator.put(path, {"state": "approved"}),
        operator.delete(path),
        operator.post("approvals/", {"project": "acorn"}),
    ):
        assert answer.status_code == 405
    assert operator.post(f"{path}approve/", {"state": "used"}).status_code == 400


def test_analysts_see_and_operators_decide(
    organization: Organization, approval: Approval, foreign: Project
) -> None:
    analyst = caller(Role.ANALYST, organization)
    theirs = waiting(foreign, b"x" * 32)

    assert analyst.get(f"approvals/{approval.pk}/").status_code == 200
    assert analyst.post(f"approvals/{approval.pk}/approve/", {}).status_code == 403
    operator = caller(Role.OPERATOR, organization)
    assert operator.get(f"approvals/{theirs.pk}/").status_code == 404
    assert operator.post(f"approvals/{theirs.pk}/approve/", {}).status_code == 404
    listed = operator.get("approvals/?state=pending,approved").json()["results"]
    assert [row["id"] for row in listed] == [str(approval.pk)]
