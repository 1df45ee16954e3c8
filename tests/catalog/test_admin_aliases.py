from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.models import Alias, AliasTarget
from tests.admin_pages import save, saved, text_of
from tests.gateway.rows import make_alias, make_model, make_project, make_provider

pytestmark = pytest.mark.django_db

LIST = "/admin/catalog/alias/"
ADD = f"{LIST}add/"


def page_of(alias: Alias) -> str:
    return reverse("admin:catalog_alias_change", args=[alias.pk])


def target(number: int, **fields: Any) -> dict[str, Any]:
    values = {"priority": 1, "weight": 100, "active": "on", **fields}
    return {f"targets-{number}-{name}": value for name, value in values.items()}


def test_an_alias_is_made_with_its_targets(admin_client: Client) -> None:
    model = make_model(make_provider(), "one")

    response = save(
        admin_client,
        ADD,
        {"name": "fast", **target(0, model=model.pk), "targets-TOTAL_FORMS": 1},
    )

    assert saved(response), text_of(response)
    assert [str(t) for t in Alias.objects.get().targets.all()] == ["acme/one"]


def test_the_targets_of_an_alias_are_changed_on_its_page(admin_client: Client) -> None:
    provider = make_provider()
    alias = make_alias("fast", make_model(provider, "one"))
    other = make_model(provider, "two")

    response = save(admin_client, page_of(alias), {"targets-0-model": other.pk})

    assert saved(response), text_of(response)
    assert alias.targets.get().model == other


def test_an_alias_without_a_target_is_refused(admin_client: Client) -> None:
    response = save(admin_client, ADD, {"name": "fast", "targets-TOTAL_FORMS": 0})

    assert "give it an active target, or deactivate the alias" in text_of(response)
    assert not Alias.objects.exists()


def test_removing_the_last_target_is_refused(admin_client: Client) -> None:
    alias = make_alias("fast", make_model(make_provider()))

    response = save(admin_client, page_of(alias), {"targets-0-DELETE": "on"})

    assert "fast would stand for nothing" in text_of(response)
    assert alias.targets.count() == 1


def test_switching_off_the_last_target_is_refused(admin_client: Client) -> None:
    alias = make_alias("fast", make_model(make_provider()))

    response = save(admin_client, page_of(alias), {"targets-0-active": None})

    assert "fast would stand for nothing" in text_of(response)


def test_a_new_alias_that_leads_only_to_what_is_off_is_refused(
    admin_client: Client,
) -> None:
    model = make_model(make_provider(active=False))

    response = save(
        admin_client,
        ADD,
        {"name": "fast", **target(0, model=model.pk), "targets-TOTAL_FORMS": 1},
    )

    assert "All that fast leads to is switched off" in text_of(response)


def test_an_alias_whose_provider_is_off_already_can_still_be_edited(
    admin_client: Client,
) -> None:
    alias = make_alias("fast", make_model(make_provider(active=False)))

    response = save(admin_client, page_of(alias), {"strategy": "cheapest"})

    assert saved(response), text_of(response)


def test_a_target_of_another_operation_is_refused(admin_client: Client) -> None:
    model = make_model(make_provider(), operations=["embeddings"])

    response = save(
        admin_client,
        ADD,
        {"name": "fast", **target(0, model=model.pk), "targets-TOTAL_FORMS": 1},
    )

    assert "does not serve chat" in text_of(response)


def test_an_operation_that_the_targets_do_not_serve_is_refused(
    admin_client: Client,
) -> None:
    alias = make_alias("fast", make_model(make_provider()))

    response = save(admin_client, page_of(alias), {"operation": "embeddings"})

    assert "does not serve embeddings" in text_of(response)


def test_a_loop_is_refused(admin_client: Client) -> None:
    one = make_alias("one", make_model(make_provider()))
    two = make_alias("two")
    AliasTarget.objects.create(alias=two, via=one)

    response = save(
        admin_client, page_of(one), {"targets-0-model": "", "targets-0-via": two.pk}
    )

    assert "two leads back to one" in text_of(response)


def test_the_same_target_twice_is_refused(admin_client: Client) -> None:
    model = make_model(make_provider())
    twice = {**target(0, model=model.pk), **target(1, model=model.pk)}

    response = save(
        admin_client, ADD, {"name": "fast", **twice, "targets-TOTAL_FORMS": 2}
    )

    assert "The alias has this target already" in text_of(response)


def test_a_name_with_a_slash_is_refused(admin_client: Client) -> None:
    response = save(admin_client, ADD, {"name": "a/b"})

    assert "A name has letters, digits" in text_of(response)


def test_an_alias_that_another_one_leads_to_is_not_deactivated(
    admin_client: Client,
) -> None:
    one = make_alias("one", make_model(make_provider()))
    AliasTarget.objects.create(alias=make_alias("two"), via=one)

    response = save(admin_client, page_of(one), {"active": None})

    assert "Without one these aliases would lead nowhere: two" in text_of(response)


def test_the_default_alias_of_a_project_is_not_renamed(admin_client: Client) -> None:
    alias = make_alias("fast", make_model(make_provider()))
    make_project(default_alias="fast")

    response = save(admin_client, page_of(alias), {"name": "quick"})

    assert "default alias or a task route of acorn" in text_of(response)


def test_an_alias_in_use_is_not_deleted_and_its_users_are_named(
    admin_client: Client,
) -> None:
    alias = make_alias("fast", make_model(make_provider()))
    project = make_project(task_routes={"code": "fast"})

    response = admin_client.post(f"{LIST}{alias.pk}/delete/", {"post": "yes"})

    assert f"/admin/tenants/project/{project.pk}/change/" in response.content.decode()
    assert "Deactivate it instead" in text_of(response)
    assert Alias.objects.filter(pk=alias.pk).exists()


def test_an_alias_that_nobody_uses_is_deleted(admin_client: Client) -> None:
    alias = make_alias("fast", make_model(make_provider()))

    response = admin_client.post(f"{LIST}{alias.pk}/delete/", {"post": "yes"})

    assert saved(response)
    assert not Alias.objects.exists()


def test_selected_aliases_without_a_live_target_are_not_activated(
    admin_client: Client,
) -> None:
    alias = make_alias("fast")
    Alias.objects.update(active=False)

    response = admin_client.post(
        LIST,
        {"action": "activate_selected", "_selected_action": [alias.pk]},
        follow=True,
    )

    assert "fast would stand for nothing" in text_of(response)
    assert not Alias.objects.get().active
