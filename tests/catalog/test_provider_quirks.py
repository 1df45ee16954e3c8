"""What bundles say of how a provider differs: authentication, constants, queries."""

from typing import Any

import pytest

from catalog.bundle import BundleRefused, apply_bundle, export_bundle, plan_bundle
from catalog.models import Endpoint, Provider
from gateway.configuration.catalog_loading import read_catalog
from tests.catalog.bundles import bundle, provider

pytestmark = pytest.mark.django_db

CONSTANTS = {"anthropic_version": "vertex-2023-10-16", "safe": True, "n": {"a": [1.5]}}
LEGACY = "/openai/deployments/{deployment}/chat/completions?api-version=2024-10-21"


def mistakes(document: Any) -> list[str]:
    with pytest.raises(BundleRefused) as refused:
        apply_bundle(document, actor="a test")
    return [str(mistake) for mistake in refused.value.mistakes]


def test_constants_are_applied_exported_and_loaded() -> None:
    document = bundle(providers=[provider(add_params=CONSTANTS)])

    apply_bundle(document, actor="a test")

    assert Provider.objects.get(slug="acme").add_params == CONSTANTS
    assert plan_bundle(document).is_empty
    exported_document, _ = export_bundle()
    (exported,) = exported_document["providers"]
    assert exported["add_params"] == CONSTANTS
    (row,) = read_catalog().providers
    assert row.add_params == CONSTANTS


@pytest.mark.parametrize("value", [["a"], "a", {"": 1}])
def test_constants_are_an_object_with_names(value: Any) -> None:
    (found,) = mistakes(bundle(providers=[provider(add_params=value)]))

    assert "providers[0].add_params" in found


@pytest.mark.parametrize("auth", ["aws_sigv4", "oauth_service_account"])
def test_authentication_may_depend_on_the_call(auth: str) -> None:
    apply_bundle(bundle(providers=[provider(auth=auth)]), actor="a test")

    assert Provider.objects.get(slug="acme").auth == auth


def test_an_unknown_kind_of_authentication_is_told_the_known_ones() -> None:
    (found,) = mistakes(bundle(providers=[provider(auth="oauth")]))

    assert "aws_sigv4, oauth_service_account or none" in found


def test_a_pattern_with_a_query_is_a_pattern_of_its_own() -> None:
    endpoints: list[dict[str, Any]] = [
        {"provider": "acme", "operation": "chat", "pattern": LEGACY, "priority": 20},
        {"provider": "acme", "operation": "chat", "pattern": "/openai/v1/chat"},
    ]
    document = bundle(endpoints=endpoints)

    apply_bundle(document, actor="a test")

    assert plan_bundle(document).is_empty
    assert Endpoint.objects.filter(pattern=LEGACY).exists()


def test_two_versions_of_a_path_need_an_order() -> None:
    endpoints = [
        {"provider": "acme", "operation": "chat", "pattern": pattern}
        for pattern in (LEGACY, LEGACY.replace("2024", "2025"))
    ]

    found = mistakes(bundle(endpoints=endpoints))

    assert any("give one of them another priority" in each for each in found)
