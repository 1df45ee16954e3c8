"""The admin's pages for end users, limits and what keys may do."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tenants.keys import digest_of
from tenants.models import (
    ApiKey,
    ApiKeyUse,
    Budget,
    EndUser,
    Limit,
    Project,
    Role,
    ShadowCount,
)
from tests.admin_pages import save, saved, text_of
from tests.factories import CredentialFactory, LimitFactory, OrganizationFactory
from tests.people import person

pytestmark = pytest.mark.django_db

USERS = "/admin/tenants/enduser/"
LIMITS = "/admin/tenants/limit/"
KEYS = "/admin/tenants/apikey/"


@pytest.fixture
def ada(project: Project) -> EndUser:
    return EndUser.objects.create(project=project, external_id="ada", name="Ada")


def page(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return text_of(response)


def test_an_end_user_is_made_with_a_page_of_its_own(
    admin_client: Client, project: Project
) -> None:
    response = save(
        admin_client,
        f"{USERS}add/",
        {"project": project.pk, "external_id": "ada", "default_model": "smart"},
    )
    assert saved(response)

    user = EndUser.objects.get()
    assert (user.project, user.default_model, user.active) == (project, "smart", True)
    assert "ada" in page(admin_client, USERS)
    assert "ada" in page(admin_client, f"{USERS}?q=ad")


def test_limits_and_budgets_of_a_user_are_edited_on_its_page(
    admin_client: Client, ada: EndUser
) -> None:
    response = save(
        admin_client,
        f"{USERS}{ada.pk}/change/",
        {
            "limits-TOTAL_FORMS": 1,
            "limits-0-metric": "requests",
            "limits-0-amount": 5,
            "limits-0-per": "minute",
            "limits-0-active": "on",
            "budgets-TOTAL_FORMS": 1,
            "budgets-0-amount_usd": "3.00",
            "budgets-0-per": "month",
            "budgets-0-mode": "hard",
            "budgets-0-warn_at": "[50]",
            "budgets-0-active": "on",
        },
    )
    assert saved(response), text_of(response)

    limit, budget = Limit.objects.get(), Budget.objects.get()
    assert (limit.end_user, limit.project) == (ada, ada.project)
    assert (budget.end_user, budget.project) == (ada, ada.project)


def test_a_provider_that_is_not_there_is_not_preferred(
    admin_client: Client, ada: EndUser
) -> None:
    response = save(
        admin_client, f"{USERS}{ada.pk}/change/", {"preferred_provider": "nowhere"}
    )

    assert "There is no provider nowhere." in text_of(response)


def test_what_a_user_brought_is_listed_and_not_shown(
    admin_client: Client, ada: EndUser
) -> None:
    credential = CredentialFactory.create(
        project=ada.project, end_user=ada, value="sk-of-ada-0123456789abcdef"
    )

    shown = page(admin_client, f"{USERS}{ada.pk}/change/")
    listed = page(admin_client, "/admin/catalog/credential/")
    one = page(admin_client, f"/admin/catalog/credential/{credential.pk}/change/")

    assert "stored, …cdef" in shown
    assert "acorn:ada" in listed
    assert "sk-of-ada" not in shown + listed + one


def test_another_organization_s_people_do_not_see_the_user(
    client: Client, ada: EndUser
) -> None:
    client.force_login(person(Role.OWNER, OrganizationFactory.create(slug="other")))

    assert "ada" not in text_of(client.get(USERS))
    assert client.get(f"{USERS}{ada.pk}/change/").status_code in {302, 403, 404}


def test_limits_say_for_whom_they_are_and_what_they_would_have_refused(
    admin_client: Client, ada: EndUser
) -> None:
    shadow = LimitFactory.create(
        project=ada.project, end_user=ada, alias="fast", shadow=True
    )
    LimitFactory.create(project=ada.project, each_end_user=True, shadow=True)
    LimitFactory.create(project=ada.project)
    ShadowCount.objects.create(limit=shadow, refusals=1234, last_at=timezone.now())

    shown = page(admin_client, LIMITS)

    assert "user ada, alias fast" in shown
    assert "each end user" in shown
    assert "everything" in shown
    assert "1,234 (last" in shown
    assert "nothing so far" in shown
    assert "1,234" in page(admin_client, f"{LIMITS}{shadow.pk}/change/")


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [("enforce_selected", True, False), ("shadow_selected", False, True)],
)
def test_limits_go_into_shadow_mode_and_out_of_it(
    admin_client: Client, project: Project, action: str, before: bool, after: bool
) -> None:
    limit = LimitFactory.create(project=project, shadow=before)

    admin_client.post(LIMITS, {"action": action, "_selected_action": [limit.pk]})

    limit.refresh_from_db()
    assert limit.shadow is after


def test_a_project_s_page_holds_its_limits_but_not_those_of_each_user(
    admin_client: Client, ada: EndUser
) -> None:
    LimitFactory.create(project=ada.project, amount=111_111)
    LimitFactory.create(project=ada.project, end_user=ada, amount=222_222)

    shown = admin_client.get(
        f"/admin/tenants/project/{ada.project.pk}/change/"
    ).content.decode()

    assert "111111" in shown
    assert "222222" not in shown


def test_a_key_is_issued_for_names_and_networks(
    admin_client: Client, project: Project
) -> None:
    response = save(
        admin_client,
        f"{KEYS}add/",
        {
            "project": project.pk,
            "name": "laptop",
            "scopes": ["chat", "end_users"],
            "aliases": "fast\n smart \n\nfast",
            "allowed_networks": "10.0.0.0/8\n2001:db8::/32",
        },
    )

    assert response.status_code == 201
    key = ApiKey.objects.get()
    assert key.scopes == ["chat", "end_users"]
    assert key.aliases == ["fast", "smart"]
    assert key.allowed_networks == ["10.0.0.0/8", "2001:db8::/32"]


def test_a_network_that_is_none_is_refused(
    admin_client: Client, project: Project
) -> None:
    response = save(
        admin_client,
        f"{KEYS}add/",
        {"project": project.pk, "name": "k", "allowed_networks": "my office"},
    )

    assert "list of networks in CIDR" in text_of(response) or (
        "This is a list of networks" in text_of(response)
    )
    assert not ApiKey.objects.exists()


def test_keys_show_their_last_use_and_where_they_are_from(
    admin_client: Client, project: Project
) -> None:
    key, _ = ApiKey.issue(project, "used")
    ApiKeyUse.objects.create(api_key=key, last_used_at=timezone.now())
    old = ApiKey.known_by_digest(project, "old", digest_of("theirs"))
    old.save()

    shown = page(admin_client, KEYS)

    assert "imported" in shown
    assert "never" in shown
    assert old.prefix in page(admin_client, f"{KEYS}?q={old.prefix}")
    assert key.prefix not in page(admin_client, f"{KEYS}?imported__exact=1")
    assert page(admin_client, f"{KEYS}{key.pk}/change/")


def import_form(project: Project, digests: str) -> dict[str, Any]:
    return {"project": project.slug, "digests": digests}


def test_keys_are_imported_on_a_page(admin_client: Client, project: Project) -> None:
    digest = digest_of("theirs").hex().upper()
    assert "Import API keys" in page(admin_client, f"{KEYS}import/")

    response = admin_client.post(
        f"{KEYS}import/", import_form(project, f"{digest} laptop"), follow=True
    )

    assert "1 imported, 0 known before." in text_of(response)
    key = ApiKey.objects.get()
    assert (key.name, key.imported, bytes(key.digest).hex()) == (
        "laptop",
        True,
        digest.lower(),
    )


def test_a_mistake_in_the_import_is_told_and_imports_nothing(
    admin_client: Client, project: Project
) -> None:
    response = admin_client.post(
        f"{KEYS}import/", import_form(project, "sk-the-key-itself")
    )

    assert "Line 1 is no SHA-256" in text_of(response)
    assert not ApiKey.objects.exists()


def test_keys_are_not_imported_into_another_organization(
    client: Client, project: Project
) -> None:
    client.force_login(person(Role.OWNER, OrganizationFactory.create(slug="other")))

    response = client.post(
        f"{KEYS}import/", import_form(project, digest_of("theirs").hex())
    )

    assert "There is no such project" in text_of(response)
    assert not ApiKey.objects.exists()
