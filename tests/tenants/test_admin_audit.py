from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from catalog.models import Alias, AliasTarget
from tenants.audit_trail import entries, page_of
from tenants.models import Approval, Limit, Role
from tenants.row_texts import Texts
from tests.admin_pages import save, saved, text_of
from tests.gateway.rows import make_alias, make_model, make_project, make_provider
from tests.people import person

pytestmark = pytest.mark.django_db

AUDIT = "/admin/pghistory/events/"


def everything(**fields: Any) -> list[tuple[str, str, str]]:
    page, _ = page_of(entries(**fields))
    return [(entry.action, entry.kind, entry.name) for entry in page]


def test_a_change_names_who_made_it_and_both_values(admin_client: Client) -> None:
    provider = make_provider()
    alias = make_alias("fast", make_model(provider, "one"))
    other = make_model(provider, "two")
    page = reverse("admin:catalog_alias_change", args=[alias.pk])

    assert saved(save(admin_client, page, {"targets-0-model": other.pk}))
    newest, _ = page_of(entries(model=AliasTarget), size=1)

    (entry,) = newest
    assert (entry.actor, entry.place) == ("admin", page)
    assert (entry.action, entry.kind, entry.parent) == (
        "update",
        "target",
        "alias fast",
    )
    assert [(c.field, c.before, c.after) for c in entry.changes] == [
        ("model", "acme/one", "acme/two")
    ]


def test_the_audit_page_shows_the_change(admin_client: Client) -> None:
    project = make_project()
    save(
        admin_client,
        reverse("admin:tenants_project_change", args=[project.pk]),
        {"name": "Renamed"},
    )

    page = text_of(admin_client.get(AUDIT))

    assert "admin /admin/tenants/project/" in page
    assert "name: Acorn Renamed" in page


def test_the_history_of_a_row_includes_what_belongs_to_it(
    admin_client: Client,
) -> None:
    project = make_project()
    Limit.objects.create(project=project, metric="requests", amount=7, per="minute")
    make_project("other")

    url = reverse("admin:tenants_project_history", args=[project.pk])
    page = text_of(admin_client.get(url))

    assert "7 requests per minute" in page
    assert "Project acorn" in page
    assert "Project other" not in page


def test_changes_outside_the_admin_are_kept_too(admin_client: Client) -> None:
    alias = make_alias("fast")

    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_alias SET strategy = 'cheapest'")
    Alias.objects.filter(pk=alias.pk).delete()

    assert everything(model=Alias) == [
        ("delete", "alias", "fast"),
        ("update", "alias", "fast"),
        ("insert", "alias", "fast"),
    ]
    assert "outside the admin" in text_of(admin_client.get(AUDIT))


def test_entries_are_filtered_by_kind_action_person_and_name(
    admin_client: Client, admin_user: User
) -> None:
    project = make_project()
    make_project("other")
    save(
        admin_client,
        reverse("admin:tenants_project_change", args=[project.pk]),
        {"name": "Renamed"},
    )

    def shown(**query: str) -> str:
        return text_of(admin_client.get(AUDIT, query))

    assert "Project acorn" in shown(user=str(admin_user.pk))
    assert "Project other" not in shown(user=str(admin_user.pk))
    assert "Project other" in shown(q="oth", model="tenants.project")
    assert "Project acorn" not in shown(q="oth")
    assert "No change fits" in shown(action="delete")
    assert "No change fits" in shown(until="2020-01-01")
    assert "Project acorn" in shown(since="2020-01-01")


def test_pages_follow_one_another_without_gap_or_repetition() -> None:
    provider = make_provider()
    for number in range(7):
        make_alias(f"alias-{number}", make_model(provider, f"m{number}"))

    seen, before = [], ""
    while True:
        page, before = page_of(entries(), before, size=4)
        seen += [(entry.kind, entry.object_id) for entry in page]
        if not before:
            break

    assert len(seen) == len(set(seen))
    # An installation begins with some alert rules.
    assert len([kind for kind, _ in seen if kind != "alert rule"]) == 2 + 7 * 3


def test_a_page_costs_the_same_however_many_changes_there_are() -> None:
    project = make_project()

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            page_of(entries(), size=5)
        return len(queries)

    def limits(amounts: range) -> None:
        Limit.objects.bulk_create(
            Limit(
                project=project,
                metric="requests",
                amount=amount,
                per="day",
                active=False,
            )
            for amount in amounts
        )
        Limit.objects.all().delete()

    for amount in range(1, 10):
        limits(range(amount, amount + 1))
    few = statements()
    for amount in range(10, 60):
        limits(range(amount, amount + 1))

    assert statements() == few


def test_the_audit_is_read_only_and_not_for_everybody(
    admin_client: Client, client: Client
) -> None:
    client.force_login(person(Role.ANALYST))

    assert admin_client.get(f"{AUDIT}add/").status_code == 403
    assert client.get(AUDIT).status_code == 403


@pytest.mark.parametrize("kind", [bytes, memoryview])
def test_bytes_are_told_in_hexadecimal(kind: type) -> None:
    digest = Approval._meta.get_field("digest")

    assert Texts().value(digest, kind(b"\x00\xff")) == "00ff"
