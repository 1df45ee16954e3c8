"""The schema of the control API is what the API does."""

from typing import Any

import jsonschema
import pytest
from django.contrib.auth import get_user_model

from gateway.control.urls import RESOURCES
from gateway.openapi.views import schema
from tests.gateway.control.calling import ROOT, Caller
from tests.gateway.control.catalog_rows import CONFIGURED, create_examples

pytestmark = pytest.mark.django_db


def described() -> dict[str, Any]:
    paths = schema()["paths"]
    return {path: item for path, item in paths.items() if path.startswith(ROOT)}


def test_every_resource_is_described_with_examples() -> None:
    paths = described()

    for name in RESOURCES:
        if name in {"bundle", "captured-texts"}:
            continue
        content = paths[f"{ROOT}/{name}/"]["get"]["responses"]["200"]["content"]
        assert content["application/json"]["examples"], name
        if "post" in paths[f"{ROOT}/{name}/"]:
            body = paths[f"{ROOT}/{name}/"]["post"]["requestBody"]["content"]
            assert body["application/json"]["examples"], name


def test_every_operation_says_its_role_and_how_it_refuses() -> None:
    for path, item in described().items():
        for method, operation in item.items():
            assert "Role: `" in operation["description"], (method, path)
            assert {"400", "401", "403"} <= operation["responses"].keys()
            assert operation["security"] == [
                {"operatorToken": []},
                {"adminSession": []},
            ]


def test_rows_are_answered_as_the_schema_says(platform: Caller) -> None:
    get_user_model().objects.create_user("ada")
    rows = create_examples(platform)
    components = {"components": schema()["components"]}

    for resource in CONFIGURED:
        item = described()[f"{ROOT}/{resource}/{{id}}/"]
        answer = item["get"]["responses"]["200"]["content"]["application/json"]
        read = platform.get(f"{resource}/{rows[resource]['id']}/").json()

        jsonschema.validate(read, {**answer["schema"], **components})
