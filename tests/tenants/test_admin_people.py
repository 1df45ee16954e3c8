"""People: added, invited, given roles and taken them, by owners and within their reach."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tenants.models import Membership, Organization, Role
from tests.admin_pages import save, saved, text_of
from tests.people import person

pytestmark = pytest.mark.django_db

PEOPLE = "/admin/tenants/membership/"
NEW = "a-long-pass-phrase-2"


@pytest.fixture
def acme() -> Organization:
    return Organization.objects.create(slug="acme", name="Acme")


@pytest.fixture
def owner(client: Client, acme: Organization) -> User:
    """Somebody who owns Acme alone, and uses `client`."""
    user = person(Role.OWNER, acme, "owner")
    client.force_login(user)
    return user


def add(client: Client, who: str, organization: Organization, role: str) -> Any:
    return save(
        client,
        f"{PEOPLE}add/",
        {"person": who, "organization": organization.pk, "role": role},
    )


def test_a_user_is_added_by_name_or_address(
    client: Client, owner: User, acme: Organization
) -> None:
    bob = User.objects.create_user("bob", password="x")
    eve = User.objects.create_user("eve", "eve@example.com", password="x")

    assert saved(add(client, "bob", acme, "operator"))
    assert saved(add(client, "Eve@Example.com", acme, "analyst"))

    roles = dict(Membership.objects.values_list("user", "role"))
    assert (roles[bob.pk], roles[eve.pk]) == ("operator", "analyst")


def test_somebody_new_is_invited_and_chooses_a_password(
    client: Client, owner: User, acme: Organization
) -> None:
    page = add(client, "new@example.com", acme, "read_only")
    link = re.search(
        r"http://testserver(/admin/login/set-password/[^<\s]+)", page.content.decode()
    )
    assert link is not None

    guest = Client()
    form = guest.get(link[1], follow=True)
    where = form.redirect_chain[-1][0]
    done = guest.post(where, {"new_password1": NEW, "new_password2": NEW})
    again = Client().get(link[1], follow=True)

    assert done.headers["Location"] == "/admin/login/"
    assert guest.login(username="new@example.com", password=NEW)
    assert guest.get("/admin/").status_code == 200
    assert "has been used" in text_of(again)


def test_no_link_is_shown_for_who_was_there_before(
    client: Client, owner: User, acme: Organization
) -> None:
    elsewhere = Organization.objects.create(slug="else", name="Else")
    invited = User.objects.create(username="dan@example.com", email="dan@example.com")
    invited.set_unusable_password()
    invited.save()
    Membership.objects.create(user=invited, organization=elsewhere, role="owner")

    response = add(client, "dan@example.com", acme, "read_only")
    membership = Membership.objects.get(user=invited, organization=acme)
    again = client.post(f"{PEOPLE}{membership.pk}/invite/")

    assert saved(response)
    assert saved(again)
    assert "set-password" not in text_of(again)


def test_an_invitation_is_shown_again_until_it_is_used(
    client: Client, owner: User, acme: Organization
) -> None:
    add(client, "new@example.com", acme, "read_only")
    membership = Membership.objects.get(user__username="new@example.com")
    url = f"{PEOPLE}{membership.pk}/invite/"

    assert "set-password" in text_of(client.post(url))
    membership.user.set_password(NEW)
    membership.user.save()
    assert "set-password" not in text_of(client.post(url))


def test_an_owner_reaches_no_other_organization(
    client: Client, owner: User, acme: Organization
) -> None:
    elsewhere = Organization.objects.create(slug="else", name="Else")
    theirs = Membership.objects.create(
        user=User.objects.create_user("eve"), organization=elsewhere, role="owner"
    )
    User.objects.create_user("bob")

    refused = add(client, "bob", elsewhere, "read_only")
    everywhere = save(
        client, f"{PEOPLE}add/", {"person": "bob", "organization": "", "role": "owner"}
    )
    gone = client.post(f"{PEOPLE}{theirs.pk}/delete/", {"post": "yes"})

    assert not saved(refused)
    assert "This field is required" in text_of(everywhere)
    assert saved(gone)
    assert Membership.objects.filter(pk=theirs.pk).exists()
    assert not Membership.objects.filter(user__username="bob").exists()


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ANALYST, Role.READ_ONLY])
def test_only_owners_see_people(client: Client, acme: Organization, role: str) -> None:
    client.force_login(person(role, acme))

    assert client.get(PEOPLE).status_code == 403
    assert client.get(f"{PEOPLE}add/").status_code == 403
    assert "People" not in text_of(client.get("/admin/"))


def test_the_last_owner_stays(client: Client, owner: User, acme: Organization) -> None:
    own = Membership.objects.get(user=owner)
    url = f"{PEOPLE}{own.pk}/"

    demoted = save(client, f"{url}change/", {"role": "analyst"})
    removed = client.post(f"{url}delete/", {"post": "yes"})

    assert "the last owner" in text_of(demoted)
    assert removed.status_code == 403
    own.refresh_from_db()
    assert own.role == Role.OWNER

    person(Role.OWNER, acme, "second")
    assert saved(save(client, f"{url}change/", {"role": "analyst"}))


def test_a_member_twice_is_refused(
    client: Client, owner: User, acme: Organization
) -> None:
    person(Role.ANALYST, acme, "bob")

    assert "belongs to the organization already" in text_of(
        add(client, "bob", acme, "operator")
    )


def test_users_are_the_installations(client: Client, owner: User) -> None:
    assert client.get("/admin/auth/user/").status_code == 403
    assert client.get(f"/admin/auth/user/{owner.pk}/change/").status_code == 403


def test_an_owner_of_the_installation_makes_owners_everywhere(client: Client) -> None:
    client.force_login(person(Role.OWNER, None, "root"))
    User.objects.create_user("bob")

    response = save(
        client, f"{PEOPLE}add/", {"person": "bob", "organization": "", "role": "owner"}
    )

    assert saved(response), text_of(response)
    assert Membership.objects.get(user__username="bob").organization is None
