import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser

from tenants.models import Membership, Role
from tenants.roles import Reach, reach_of
from tests.factories import OrganizationFactory

pytestmark = pytest.mark.django_db


def test_a_role_includes_the_lesser_ones_and_no_greater_one() -> None:
    reach = Reach(organizations={1: Role.OPERATOR})

    assert [role for role in Role if reach.may(role, 1)] == [
        Role.OPERATOR,
        Role.ANALYST,
        Role.READ_ONLY,
    ]


def test_a_role_holds_where_it_was_given_alone() -> None:
    user = get_user_model().objects.create_user("ada")
    own, other = (
        OrganizationFactory.create(slug="own"),
        OrganizationFactory.create(slug="other"),
    )
    Membership.objects.create(user=user, organization=own, role=Role.OWNER)

    reach = reach_of(user)

    assert reach.may(Role.OWNER, own.pk)
    assert not reach.may(Role.READ_ONLY, other.pk)
    assert not reach.may(Role.READ_ONLY, None)
    assert reach.organization_ids(Role.OWNER) == frozenset({own.pk})


def test_a_role_without_an_organization_holds_in_all_of_them() -> None:
    user = get_user_model().objects.create_user("ada")
    own = OrganizationFactory.create(slug="own")
    Membership.objects.create(user=user, organization=None, role=Role.ANALYST)
    Membership.objects.create(user=user, organization=own, role=Role.OWNER)

    reach = reach_of(user)

    assert reach.may(Role.ANALYST, None)
    assert reach.organization_ids(Role.ANALYST) is None
    assert reach.organization_ids(Role.OPERATOR) == frozenset({own.pk})


def test_superusers_may_everything_and_nobody_else_anything() -> None:
    root = get_user_model().objects.create_superuser("root")
    gone = get_user_model().objects.create_superuser("gone", is_active=False)

    assert reach_of(root).may(Role.OWNER, None)
    assert not reach_of(gone).may_anywhere(Role.READ_ONLY)
    assert not reach_of(AnonymousUser()).may_anywhere(Role.READ_ONLY)
