"""Private providers and models in bundles, and rules about whose they are."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from catalog.bundle import BundleRefused, apply_bundle, export_bundle, plan_bundle
from catalog.bundle.document import Document
from catalog.loading import load_catalog
from catalog.models import AIModel, Alias, AliasTarget, Endpoint, Provider
from tests.catalog.bundles import alias, bundle, example, model, project, provider
from tests.gateway.rows import make_model, make_project, make_provider

pytestmark = pytest.mark.django_db

OTHER = {"slug": "other", "name": "Other"}


def private() -> Document:
    """Return the example with a private provider, and a private model of a shared one."""
    return bundle(
        providers=[
            provider(),
            provider(slug="garage", project="nicestory", credential="env:GARAGE_KEY"),
        ],
        endpoints=[
            *example()["endpoints"],
            {
                "provider": "garage",
                "operation": "chat",
                "pattern": "/v1/chat/completions",
            },
        ],
        models=[
            model(),
            model(provider="garage", model_id="llama"),
            model(model_id="ft:acme-large-2:us::1", project="nicestory"),
        ],
        aliases=[
            alias(),
            alias(
                name="mine",
                project="nicestory",
                targets=[
                    {"model": "garage/llama"},
                    {"model": "acme/ft:acme-large-2:us::1", "priority": 2},
                ],
            ),
        ],
        projects=[project(), OTHER],
    )


def mistakes(document: object) -> list[str]:
    with pytest.raises(BundleRefused) as refused:
        apply_bundle(document, actor="a test")
    return [str(mistake) for mistake in refused.value.mistakes]


def test_what_is_private_is_applied_exported_and_the_same() -> None:
    apply_bundle(private(), actor="a test")

    document, _ = export_bundle()

    assert plan_bundle(private()).is_empty
    assert plan_bundle(document).is_empty
    owners = {str(m): m.owner_id for m in AIModel.objects.select_related("provider")}
    owner = Provider.objects.get(slug="garage").project_id
    assert owners == {
        "acme/acme-large-2": None,
        "garage/llama": owner,
        "acme/ft:acme-large-2:us::1": owner,
    }


def test_a_bundle_may_name_a_private_row_alone() -> None:
    apply_bundle(private(), actor="a test")
    lone: Document = {
        "endpoints": [
            {"provider": "garage", "operation": "responses", "pattern": "/v1/responses"}
        ],
        "models": [
            model(
                provider="acme",
                model_id="ft:acme-large-2:us::1",
                project="nicestory",
                context_window=7,
            )
        ],
    }

    plan = apply_bundle(lone, actor="a test")

    assert [str(change) for change in plan.changes] == [
        "+ endpoint garage responses /v1/responses",
        "~ model acme/ft:acme-large-2:us::1",
    ]
    assert Endpoint.objects.filter(provider__slug="garage").count() == 2


def test_what_is_private_can_be_given_to_all() -> None:
    apply_bundle(private(), actor="a test")

    apply_bundle({"providers": [provider(slug="garage")]}, actor="a test")

    assert Provider.objects.get(slug="garage").project is None


def test_an_unknown_project_is_said() -> None:
    found = mistakes(bundle(models=[model(project="nobody")], aliases=[]))

    assert found[0].startswith("models[0].project: no project nobody")


@pytest.mark.parametrize("owner", [None, "other"])
def test_an_alias_of_others_does_not_stand_for_a_private_model(
    owner: str | None,
) -> None:
    document = private()
    document["aliases"].append(
        alias(name="theirs", project=owner, targets=[{"model": "garage/llama"}])
    )

    found = mistakes(document)

    assert "garage/llama is another project's own" in found[0]


def test_a_model_of_a_private_provider_is_nobody_elses() -> None:
    document = private()
    document["models"].append(model(provider="garage", model_id="x", project="other"))

    assert mistakes(document) == ["models[3].project: garage is for nicestory alone."]


def test_a_shared_model_is_not_followed_by_a_private_one() -> None:
    document = private()
    document["models"][0]["successor"] = "garage/llama"

    assert "garage/llama is another project's own." in mistakes(document)[0]


def test_a_provider_with_models_of_others_does_not_become_private() -> None:
    acorn, birch = make_project(), make_project("birch")
    acme = make_provider()
    make_model(acme, "theirs", project=birch)
    acme.project = acorn

    with pytest.raises(ValidationError, match="a provider has one owner"):
        acme.full_clean()


def test_the_bundled_catalog_leaves_a_private_provider_of_its_name_alone(
    tmp_path: Any,
) -> None:
    make_provider("acme", project=make_project())
    (tmp_path / "acme.yaml").write_text(
        "providers:\n  - {slug: acme, base_url: 'https://x', handler: openai}\n"
    )

    loaded = load_catalog(tmp_path)

    assert loaded.left_alone == ["provider acme"]
    assert Provider.objects.get().project is not None


def test_the_bundled_catalog_does_not_open_what_an_operator_made_private(
    tmp_path: Any,
) -> None:
    path = tmp_path / "acme.yaml"
    text = "providers:\n  - {slug: acme, base_url: 'https://x', handler: openai}\n"
    path.write_text(text)
    load_catalog(tmp_path)
    Provider.objects.update(project=make_project())
    path.write_text(text.replace("https://x", "https://y"))

    loaded = load_catalog(tmp_path)

    assert loaded.left_alone == ["provider acme"]
    assert Provider.objects.get().base_url == "https://x"


def test_an_alias_target_follows_the_owner_of_its_model() -> None:
    acorn = make_project()
    own = make_model(make_provider(project=acorn))
    alias_of_all = Alias.objects.create(name="fast")

    with pytest.raises(ValidationError, match="another project's own"):
        AliasTarget(alias=alias_of_all, model=own).full_clean()
