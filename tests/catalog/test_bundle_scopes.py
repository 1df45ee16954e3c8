"""Limits and budgets for keys, end users, aliases and organizations in a bundle."""

from typing import Any

import pytest

from catalog.bundle import (
    BundleRefused,
    apply_bundle,
    dump_document,
    export_bundle,
    load_document,
    plan_bundle,
)
from tenants.models import ApiKey, Budget, EndUser, Limit, Organization, Project
from tests.factories import AliasTargetFactory, CredentialFactory

pytestmark = pytest.mark.django_db

PER_MINUTE = {"metric": "requests", "amount": 5, "per": "minute"}
PER_MONTH = {"amount_usd": "5.00", "per": "month"}


def of_project(**fields: Any) -> dict[str, Any]:
    return {"projects": [{"slug": "shop", **fields}]}


def apply(document: dict[str, Any], **options: Any) -> list[str]:
    return list(apply_bundle(document, actor="test", **options).lines())


def again() -> dict[str, Any]:
    """Return what is exported, written and read like a file."""
    return load_document(dump_document(export_bundle()[0]))


def test_every_scope_goes_in_and_out_again() -> None:
    AliasTargetFactory.create(alias__name="fast")
    apply(of_project())
    key, _ = ApiKey.issue(Project.objects.get(), "k")
    limits = [
        PER_MINUTE,
        {**PER_MINUTE, "key": key.prefix},
        {**PER_MINUTE, "end_user": "ada"},
        {**PER_MINUTE, "each_end_user": True, "shadow": True},
        {**PER_MINUTE, "alias": "fast"},
        {**PER_MINUTE, "alias": "fast", "end_user": "ada", "key": key.prefix},
    ]
    budgets = [
        PER_MONTH,
        {**PER_MONTH, "end_user": "ada", "mode": "soft"},
        {**PER_MONTH, "each_end_user": True},
        {**PER_MONTH, "alias": "fast", "key": key.prefix},
    ]

    apply(of_project(limits=limits, budgets=budgets))

    assert Limit.objects.count() == len(limits)
    assert Budget.objects.count() == len(budgets)
    assert EndUser.objects.get().external_id == "ada"
    assert Limit.objects.get(shadow=True).each_end_user
    assert plan_bundle(of_project(limits=limits, budgets=budgets)).is_empty
    exported = again()
    assert plan_bundle(exported, prune=True).is_empty
    (project,) = exported["projects"]
    assert {
        **PER_MINUTE,
        "end_user": "ada",
        "shadow": False,
        "active": True,
    } in project["limits"]
    assert len(project["budgets"]) == len(budgets)


def test_what_is_exported_applies_to_an_empty_database() -> None:
    AliasTargetFactory.create(alias__name="fast")
    apply(
        {
            "organizations": [
                {"slug": "acme", "budgets": [{**PER_MONTH, "mode": "soft"}]}
            ],
            **of_project(
                organization="acme",
                strategy="fastest",
                capture_retention_days=7,
                capture_redactions=["CASE-[0-9]+"],
                limits=[{**PER_MINUTE, "end_user": "ada", "alias": "fast"}],
                budgets=[{**PER_MONTH, "each_end_user": True}],
            ),
        }
    )
    exported = again()
    for model in (Limit, Budget, EndUser, Project, Organization):
        model.objects.all().delete()

    apply(exported)

    assert again() == exported
    project = Project.objects.get()
    assert project.capture_retention_days == 7
    assert project.capture_redactions == ["CASE-[0-9]+"]
    assert project.strategy == "fastest"


def test_an_organization_has_budgets_of_its_own() -> None:
    document = {
        "organizations": [{"slug": "acme", "budgets": [{**PER_MONTH, "mode": "soft"}]}]
    }
    lines = apply(document)

    budget = Budget.objects.get()
    assert budget.organization is not None
    assert (budget.organization.slug, budget.project) == ("acme", None)
    assert "+ budget acme month soft" in lines
    assert plan_bundle(document).is_empty
    apply({"organizations": [{"slug": "acme", "budgets": []}]}, prune=True)
    assert not Budget.objects.exists()


def test_a_new_end_user_stands_in_the_plan() -> None:
    lines = list(
        plan_bundle(of_project(limits=[{**PER_MINUTE, "end_user": "ada"}])).lines()
    )

    assert "+ end user shop:ada" in lines
    assert "+ limit shop requests minute end user ada" in lines
    assert not EndUser.objects.exists()


def test_only_end_users_that_are_named_are_read_and_none_is_pruned() -> None:
    apply(of_project())
    project = Project.objects.get()
    bob = EndUser.objects.create(project=project, external_id="bob")
    Limit.objects.create(
        project=project, end_user=bob, metric="tokens", amount=9, per="day"
    )
    Limit.objects.create(project=project, metric="tokens", amount=9, per="day")

    lines = apply(of_project(limits=[{**PER_MINUTE, "end_user": "ada"}]), prune=True)

    assert "- limit shop tokens day" in lines
    left = {str(limit.end_user): limit.metric for limit in Limit.objects.all()}
    assert left == {"shop:bob": "tokens", "shop:ada": "requests"}


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        (
            {**PER_MINUTE, "end_user": "ada", "each_end_user": True},
            "Choose one end user or each, not both.",
        ),
        ({**PER_MINUTE, "end_user": "not an id"}, "Visible ASCII characters"),
        ({**PER_MINUTE, "each_end_user": "yes"}, "should be true or false"),
        ({**PER_MINUTE, "colour": "red"}, "unknown field"),
    ],
)
def test_a_scope_that_cannot_be_is_refused(limit: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleRefused) as refused:
        apply(of_project(limits=[limit]))

    assert any(message in str(each) for each in refused.value.mistakes), str(
        refused.value
    )
    assert not EndUser.objects.exists()


def test_an_alias_that_is_not_there_is_pointed_out() -> None:
    AliasTargetFactory.create(alias__name="fast")

    plan = plan_bundle(of_project(limits=[{**PER_MINUTE, "alias": "fats"}]))

    (note,) = plan.notes
    assert str(note) == "projects[0].limits[0].alias: no alias fats; did you mean fast?"


def test_what_an_end_user_brought_is_in_no_bundle() -> None:
    apply(of_project())
    project = Project.objects.get()
    ada = EndUser.objects.create(project=project, external_id="ada")
    credential = CredentialFactory.create(project=project, end_user=ada)

    document, notes = export_bundle()

    assert "credentials" not in document
    assert not any("sealed" in note for note in notes)
    provider = document["providers"][0]
    apply({"providers": [provider], "credentials": []}, prune=True)
    credential.refresh_from_db()
