from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tenants.models import Limit, Organization, Project
from tests.admin_pages import form_of, save, saved, text_of
from tests.gateway.rows import (
    make_alias,
    make_key,
    make_model,
    make_project,
    make_provider,
)

pytestmark = pytest.mark.django_db

LIST = "/admin/tenants/project/"


def page_of(project: Project) -> str:
    return reverse("admin:tenants_project_change", args=[project.pk])


def limit(number: int, **fields: Any) -> dict[str, Any]:
    values = {
        "metric": "requests",
        "amount": 60,
        "per": "minute",
        "active": "on",
        **fields,
    }
    return {f"limits-{number}-{name}": value for name, value in values.items()}


def test_a_project_is_made_with_its_defaults(admin_client: Client) -> None:
    organization = Organization.objects.create(slug="default", name="Default")

    response = save(
        admin_client,
        f"{LIST}add/",
        {"name": "Nice", "slug": "nice", "organization": organization.pk, "cache": ""},
    )

    assert saved(response), text_of(response)
    assert Project.objects.get().cache == {"enabled": True, "ttl_s": 86400}


def test_limits_are_edited_on_the_page_of_the_project(admin_client: Client) -> None:
    project = make_project()

    response = save(
        admin_client, page_of(project), {**limit(0), "limits-TOTAL_FORMS": 1}
    )

    assert saved(response), text_of(response)
    assert Limit.objects.get().amount == 60


def test_the_same_limit_twice_is_refused(admin_client: Client) -> None:
    response = save(
        admin_client,
        page_of(make_project()),
        {**limit(0), **limit(1, amount=5), "limits-TOTAL_FORMS": 2},
    )

    assert "There is such a limit already; change that one" in text_of(response)


def test_a_limit_for_the_key_of_another_project_is_refused(
    admin_client: Client,
) -> None:
    key = make_key(make_project("other"))

    response = save(
        admin_client,
        page_of(make_project()),
        {**limit(0, api_key=key.pk), "limits-TOTAL_FORMS": 1},
    )

    assert "belongs to another project" in text_of(response)


def test_a_period_for_concurrency_is_refused(admin_client: Client) -> None:
    response = save(
        admin_client,
        page_of(make_project()),
        {**limit(0, metric="concurrency"), "limits-TOTAL_FORMS": 1},
    )

    assert "concurrency has none" in text_of(response)


def test_the_default_alias_is_chosen_from_those_that_there_are(
    admin_client: Client,
) -> None:
    model = make_model(make_provider())
    project, other = make_project(), make_project("other")
    make_alias("fast", model)
    make_alias("own", model, project=project)
    make_alias("foreign", model, project=other)

    response = save(admin_client, page_of(project), {"default_alias": "own"})
    refused = save(admin_client, page_of(project), {"default_alias": "foreign"})

    assert saved(response), text_of(response)
    assert "not one of the available choices" in text_of(refused)


def test_a_task_route_to_no_alias_is_refused(admin_client: Client) -> None:
    response = save(
        admin_client, page_of(make_project()), {"task_routes": '{"code": "smart"}'}
    )

    assert "code: There is no active alias 'smart' for this project" in text_of(
        response
    )


def test_what_is_no_json_is_shown_again_as_it_was_typed(admin_client: Client) -> None:
    response = save(admin_client, page_of(make_project()), {"task_routes": '{"code'})

    assert "Enter a valid JSON" in text_of(response)
    assert '{"code' in text_of(response)


def test_regions_are_chosen_from_those_of_the_providers(admin_client: Client) -> None:
    make_provider(region="eu")
    project = make_project()

    response = save(admin_client, page_of(project), {"allowed_regions": ["eu"]})

    project.refresh_from_db()
    assert saved(response), text_of(response)
    assert project.allowed_regions == ["eu"]


def test_a_project_with_keys_is_not_deleted(admin_client: Client) -> None:
    project = make_project()
    key = make_key(project)

    response = admin_client.post(f"{LIST}{project.pk}/delete/", {"post": "yes"})

    assert key.prefix in text_of(response)
    assert "acorn is in use and cannot be deleted" in text_of(response)
    assert Project.objects.exists()


def test_projects_are_deactivated_from_the_list(admin_client: Client) -> None:
    project = make_project()

    admin_client.post(
        LIST, {"action": "deactivate_selected", "_selected_action": [project.pk]}
    )

    assert not Project.objects.get().active


def test_the_page_of_a_project_lists_its_keys_without_letting_edit_them(
    admin_client: Client,
) -> None:
    project = make_project()
    key = make_key(project)

    form = form_of(admin_client, page_of(project))

    assert key.prefix in text_of(admin_client.get(page_of(project)))
    assert "api_keys-0-name" not in form
