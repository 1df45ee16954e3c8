"""The admin's pages for the context of end users."""

from typing import Any

import pytest
from django.test import Client

from gateway.context.api.parsing import entries_in
from gateway.context.api.storing import store
from tenants.models import (
    ContextEntry,
    ContextScope,
    ContextView,
    EndUser,
    Erasure,
    Project,
    Role,
)
from tests.admin_pages import save, saved, text_of
from tests.people import person

pytestmark = pytest.mark.django_db

SCOPES = "/admin/tenants/contextscope/"
ENTRIES = "/admin/tenants/contextentry/"
PREVIEW = "/admin/context-preview/"
CANARY = "a-very-calm-day"


@pytest.fixture
def ada(project: Project) -> EndUser:
    told: dict[str, Any] = {"userId": "ada", "kind": "feels", "content": CANARY}
    store(project, entries_in(told)[0])
    return EndUser.objects.get()


def test_a_scope_begins_with_the_ready_one_of_its_name(
    admin_client: Client, project: Project
) -> None:
    page = text_of(admin_client.get(f"{SCOPES}add/?name=comprehensive"))
    response = save(
        admin_client,
        f"{SCOPES}add/?name=comprehensive",
        {"project": project.pk, "token_budget": 500},
    )

    assert "weekly_recap" in page
    assert saved(response), text_of(response)
    scope = ContextScope.objects.get()
    assert (scope.name, scope.token_budget) == ("comprehensive", 500)
    assert scope.rules.kinds[1].kind == "pattern"
    assert "pattern (84 d)" in text_of(admin_client.get(SCOPES))


def test_a_scope_that_cannot_be_applied_is_refused(
    admin_client: Client, project: Project
) -> None:
    response = save(
        admin_client,
        f"{SCOPES}add/",
        {
            "project": project.pk,
            "name": "mine",
            "kinds": '[{"kind": "no slug"}]',
            "template": "{{unknown}}",
        },
    )

    assert "A kind is a slug" in text_of(response)
    assert "{{unknown}} is no place" in text_of(response).replace("&#123;", "{")
    assert not ContextScope.objects.exists()


def test_entries_are_listed_without_what_they_say(
    admin_client: Client, ada: EndUser
) -> None:
    page = text_of(admin_client.get(ENTRIES))
    row = ContextEntry.objects.get()
    shown = text_of(admin_client.get(f"{ENTRIES}{row.pk}/change/"))

    assert "feels" in page
    assert CANARY not in page + shown


def test_a_preview_shows_the_words_and_is_written_down(
    admin_client: Client, ada: EndUser, project: Project
) -> None:
    asked = {"project": project.slug, "user": "ada", "scope": "standard"}

    response = admin_client.post(PREVIEW, asked)

    assert CANARY in text_of(response)
    assert "no-store" in response["cache-control"]
    seen = ContextView.objects.get()
    assert (seen.end_user, seen.scope) == (ada, "standard")
    assert seen.user is not None
    assert "no context scope" in text_of(
        admin_client.post(PREVIEW, {**asked, "scope": "nowhere"})
    )
    assert ContextView.objects.count() == 1


@pytest.mark.parametrize("role", [Role.READ_ONLY, Role.ANALYST, Role.OPERATOR])
def test_only_owners_see_what_is_known_of_people(
    client: Client, ada: EndUser, project: Project, role: Role
) -> None:
    client.force_login(person(role, project.organization))

    assert client.get(PREVIEW).status_code == 403
    assert client.get(ENTRIES).status_code in {302, 403}


def test_users_are_erased_from_their_list(admin_client: Client, ada: EndUser) -> None:
    response = admin_client.post(
        "/admin/tenants/enduser/",
        {"action": "erase_context", "_selected_action": [ada.pk]},
        follow=True,
    )

    assert "1 users and 1 entries erased" in text_of(response)
    assert not ContextEntry.objects.exists()
    receipt = Erasure.objects.get()
    assert receipt.via == "admin"
    page = text_of(admin_client.get("/admin/tenants/erasure/"))
    assert "1 keys, 1 entries" in page
    assert EndUser.objects.filter(pk=ada.pk).exists()
