from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.utils import timezone

from tenants.models import Approval, Membership, Role
from tests.factories import OrganizationFactory, ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def approval() -> Approval:
    return Approval.objects.create(
        project=ProjectFactory.create(slug="acorn"),
        operation="chat",
        path="/v1/chat/completions",
        provider="sim",
        model="sim-chat",
        digest=bytes(range(32)),
        estimate_usd=Decimal("2.5"),
        threshold_usd=Decimal(1),
        expires_at=timezone.now() + timedelta(hours=1),
    )


def act(client: Client, approval: Approval, what: str, **said: str) -> str:
    url = f"/admin/tenants/approval/{approval.pk}/{what}/"
    return client.post(url, said, follow=True).content.decode()


def test_an_approval_is_approved_on_its_page(
    admin_client: Client, approval: Approval
) -> None:
    page = act(admin_client, approval, "approve")

    approval.refresh_from_db()
    assert (approval.state, str(approval.decided_by)) == ("approved", "admin")
    assert "1 approved." in page
    assert "2.5000 USD" in page
    assert bytes(range(32)).hex() in page


@pytest.mark.parametrize("what", ["approve", "reject"])
def test_an_address_that_is_followed_decides_nothing(
    admin_client: Client, approval: Approval, what: str
) -> None:
    answer = admin_client.get(f"/admin/tenants/approval/{approval.pk}/{what}/")

    approval.refresh_from_db()
    assert approval.state == "pending"
    assert "It may cost about 2.5000 USD." in answer.content.decode()
    assert 'name="csrfmiddlewaretoken"' in answer.content.decode()


def test_why_it_was_decided_is_kept(admin_client: Client, approval: Approval) -> None:
    act(admin_client, approval, "reject", comment="Use the small model.")

    approval.refresh_from_db()
    assert (approval.state, approval.comment) == ("rejected", "Use the small model.")


def test_what_is_not_there_is_not_decided_on(admin_client: Client) -> None:
    for pk in (uuid4(), "nonsense"):
        answer = admin_client.post(f"/admin/tenants/approval/{pk}/approve/")

        assert answer.status_code == 404


def test_the_second_decision_says_that_it_came_too_late(
    admin_client: Client, approval: Approval
) -> None:
    act(admin_client, approval, "reject")

    page = act(admin_client, approval, "approve")

    approval.refresh_from_db()
    assert approval.state == "rejected"
    assert "is rejected already" in page


def test_several_are_decided_on_in_the_list(
    admin_client: Client, approval: Approval
) -> None:
    admin_client.post(
        "/admin/tenants/approval/",
        {"action": "reject_selected", "_selected_action": [str(approval.pk)]},
    )

    approval.refresh_from_db()
    assert approval.state == "rejected"


@pytest.mark.parametrize(
    ("role", "here", "state"),
    [
        (Role.ANALYST, True, "pending"),
        (Role.OPERATOR, True, "approved"),
        (Role.OWNER, False, "pending"),
    ],
)
def test_operators_decide_on_what_is_their_organization_s(
    client: Client, approval: Approval, role: Role, here: bool, state: str
) -> None:
    user = get_user_model().objects.create_user("ada")
    other = OrganizationFactory.create(slug="other")
    organization = approval.project.organization if here else other
    Membership.objects.create(user=user, organization=organization, role=role)
    client.force_login(user)

    act(client, approval, "approve")

    approval.refresh_from_db()
    assert approval.state == state
