"""The schema holds what the code does, and its page shows it."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern

from gateway.dialects import openai_chat
from gateway.edge import PREFIXES
from gateway.feedback.urls import urlpatterns as feedback_patterns
from gateway.openapi.refusals import REFUSALS
from gateway.openapi.views import schema
from gateway.urls import urlpatterns

REPOSITORY = Path(__file__).resolve().parents[3]
CONVERTER = re.compile(r"<\w+:(\w+)>")
OUTSIDE = re.compile(r"""(?:src|href)=["'](?:https?:)?//""")


@pytest.fixture
def browser() -> Client:
    return Client()


def test_the_schema_is_valid_and_drf_spectacular_has_no_complaint(
    tmp_path: Path,
) -> None:
    file = tmp_path / "schema.yaml"

    call_command("spectacular", validate=True, fail_on_warn=True, file=str(file))

    assert loaded(file.read_bytes())["openapi"].startswith("3.1")


def test_anybody_gets_the_schema_as_json_or_yaml(browser: Client) -> None:
    as_json = browser.get("/api/schema/")
    as_yaml = browser.get("/api/schema/?format=yaml")

    assert as_json["content-type"].startswith("application/json")
    assert as_json.json() == loaded(as_yaml.content)


def loaded(text: bytes) -> Any:
    # Written in Python, the loader takes seconds.
    return yaml.load(text, Loader=yaml.CSafeLoader)


def test_every_inference_route_is_described_once() -> None:
    routes = {
        CONVERTER.sub(r"{\1}", f"/{route.pattern}")
        for route in [*urlpatterns, *feedback_patterns]
        if isinstance(route, URLPattern)
    }
    described = schema()["paths"]

    assert {path for path in described if path.startswith(PREFIXES)} == routes


def test_every_place_of_the_key_is_an_alternative() -> None:
    described = schema()
    schemes = described["components"]["securitySchemes"]
    security = described["paths"]["/v1/models"]["get"]["security"]

    places = [schemes[name] for alternative in security for name in alternative]
    assert all(len(alternative) == 1 for alternative in security)
    assert [place.get("name", place.get("scheme")) for place in places] == [
        "bearer",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "key",
    ]


def test_every_code_of_a_refusal_is_described() -> None:
    described = {code for _, codes in REFUSALS.values() for code in codes.split()}
    # Codes of a wrong path or method, which no operation answers.
    described |= {"not_found", "method_not_allowed"}
    homes = ("gateway/refusals.py", "gateway/upstream/errors.py")
    trees = [ast.parse((REPOSITORY / home).read_text()) for home in homes]

    raised = {
        node.value.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in {"code", "default_code"}
        and isinstance(node.value, ast.Constant)
    }

    assert raised <= described


def test_the_error_schema_fits_what_the_dialect_writes() -> None:
    described = schema()
    written = openai_chat.build_error(400, "invalid_request", "No.", "messages")

    jsonschema.validate(
        json.loads(written),
        {**described["components"]["schemas"]["Error"], "components": {}},
    )


@pytest.mark.django_db
def test_anybody_gets_the_page_and_nothing_comes_from_elsewhere(
    browser: Client,
) -> None:
    page = browser.get("/api/docs/")

    text = page.content.decode()
    assert page.status_code == 200
    for shown in (
        "POST /v1/chat/completions",
        "provider.allow_fallbacks",
        "x-signalbox-overhead-ms",
        "concurrency_limit_exceeded",
        "x-goog-api-key",
    ):
        assert shown in text
    assert not OUTSIDE.search(text)


def test_the_page_asks_the_database_nothing(browser: Client) -> None:
    assert browser.get("/api/docs/").status_code == 200


def test_the_page_cannot_be_posted_to(browser: Client) -> None:
    assert browser.post("/api/docs/").status_code == 405
