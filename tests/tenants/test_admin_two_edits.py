"""Two people open the same form: failures O4."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse

from tenants.models import Limit, Organization, Project, Role
from tests.admin_pages import form_of, save, saved, text_of
from tests.gateway.rows import make_alias, make_model, make_project, make_provider
from tests.people import person

pytestmark = pytest.mark.django_db

STALE = "Somebody else saved this after you had opened it"


def page_of(row: Any) -> str:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
    return reverse(name, args=[row.pk])


@pytest.fixture
def ann(client: Client) -> Client:
    client.force_login(person(Role.OWNER, None, "ann"))
    return client


def test_o4_a_stale_save_is_refused_and_says_who_changed_what(
    admin_client: Client, ann: Client
) -> None:
    project = make_project()
    page = page_of(project)
    opened = form_of(ann, page)
    assert saved(save(admin_client, page, {"name": "Theirs"}))

    refused = ann.post(page, {**opened, "name": "Mine"})

    said = text_of(refused)
    assert STALE in said
    assert f"admin {page}" in said
    assert "name: Acorn Theirs" in said
    assert 'value="Mine"' in refused.content.decode()
    assert Project.objects.get().name == "Theirs"


def test_o4_who_has_seen_the_other_change_may_save_over_it(
    admin_client: Client, ann: Client
) -> None:
    page = page_of(make_project())
    opened = form_of(ann, page)
    save(admin_client, page, {"name": "Theirs"})
    refused = ann.post(page, {**opened, "name": "Mine"})
    version = refused.context["adminform"].form.version

    assert saved(ann.post(page, {**opened, "name": "Mine", "_version": version}))
    assert Project.objects.get().name == "Mine"


def test_o4_a_third_change_in_between_is_told_as_well(
    admin_client: Client, ann: Client
) -> None:
    page = page_of(make_project())
    opened = form_of(ann, page)
    save(admin_client, page, {"name": "Theirs"})
    refused = ann.post(page, {**opened, "name": "Mine"})
    version = refused.context["adminform"].form.version
    save(admin_client, page, {"name": "Theirs again"})

    again = ann.post(page, {**opened, "name": "Mine", "_version": version})

    assert "name: Theirs Theirs again" in text_of(again)
    assert Project.objects.get().name == "Theirs again"


def test_o4_rows_on_the_page_count(admin_client: Client, ann: Client) -> None:
    project = make_project()
    limit = Limit.objects.create(
        project=project, metric="requests", amount=60, per="minute"
    )
    page = page_of(project)
    opened = form_of(ann, page)
    assert saved(save(admin_client, page_of(limit), {"amount": 90}))

    refused = ann.post(page, {**opened, "name": "Mine"})

    assert STALE in text_of(refused)
    assert "amount: 60 90" in text_of(refused)
    limit.refresh_from_db()
    assert limit.amount == 90


def test_o4_a_change_by_sql_is_noticed(admin_client: Client) -> None:
    project = make_project()
    opened = form_of(admin_client, page_of(project))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_project SET name = 'By hand'")

    refused = admin_client.post(page_of(project), {**opened, "name": "Mine"})

    assert STALE in text_of(refused)
    assert "outside the admin" in text_of(refused)


def test_an_ordinary_mistake_keeps_the_version_that_was_seen(
    admin_client: Client, ann: Client
) -> None:
    page = page_of(make_project())
    opened = form_of(ann, page)

    wrong = ann.post(page, {**opened, "name": ""})
    save(admin_client, page, {"name": "Theirs"})
    version = wrong.context["adminform"].form.version

    assert version == opened["_version"]
    refused = ann.post(page, {**opened, "name": "Mine", "_version": version})
    assert STALE in text_of(refused)


def test_saving_twice_from_pages_opened_one_after_the_other_goes_through(
    ann: Client,
) -> None:
    provider = make_provider()
    alias = make_alias("fast", make_model(provider, "one"))

    for strategy in ("cheapest", "fastest"):
        assert saved(save(ann, page_of(alias), {"strategy": strategy}))


def test_what_a_version_says_may_be_nonsense(admin_client: Client) -> None:
    project = make_project()
    opened = form_of(admin_client, page_of(project))

    for nonsense in ("x", "x.nan", "x.-inf", "x.9e99", "x.-9e99", "."):
        sent = {**opened, "_version": nonsense}
        assert STALE in text_of(admin_client.post(page_of(project), sent))


def test_another_organization_hears_nothing_of_what_all_share(
    admin_client: Client, client: Client
) -> None:
    organization = Organization.objects.create(slug="acme", name="Acme")
    client.force_login(person(Role.OWNER, organization, "bob"))
    page = page_of(organization)
    opened = form_of(client, page)
    save(admin_client, page, {"name": "Theirs"})

    said = text_of(client.post(page, {**opened, "name": "Mine"}))

    assert STALE in said
    assert "name: Acme Theirs" in said


def test_the_audit_switched_off_tells_nothing(
    admin_client: Client, admin_user: User, settings: Any
) -> None:
    settings.AUDIT_ENABLED = False
    project = make_project()
    opened = form_of(admin_client, page_of(project))
    save(admin_client, page_of(project), {"name": "Theirs"})

    said = text_of(admin_client.post(page_of(project), {**opened, "name": "Mine"}))

    assert STALE in said
    assert admin_user.get_username() not in said.split("Changed since")[1][:200]
