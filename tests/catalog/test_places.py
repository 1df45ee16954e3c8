"""Addresses that only the environment knows."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog.loading import FOLDER, Loaded
from catalog.loading import load_catalog as load_folder
from catalog.models import Credential, Provider
from catalog.places import places

VARIABLES = (
    "AZURE_OPENAI_ENDPOINT",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_BEARER_TOKEN_BEDROCK",
    "VERTEX_SERVICE_ACCOUNT_JSON",
    "VERTEX_LOCATION",
)


Load = Callable[[], Loaded]


@pytest.fixture
def load_catalog(tmp_path: Path) -> Load:
    """Load the files of the providers that this is about, and no others."""
    for name in ("azure", "bedrock", "vertex", "vertex-anthropic"):
        shutil.copy(FOLDER / f"{name}.yaml", tmp_path)
    return lambda: load_folder(tmp_path)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.django_db
def test_a_provider_without_an_address_is_switched_off(load_catalog: Load) -> None:
    load_catalog()

    off = {row.slug for row in Provider.objects.filter(active=False)}
    assert off == {"azure", "vertex", "vertex-anthropic"}
    bedrock = Provider.objects.get(slug="bedrock")
    assert bedrock.base_url == "https://bedrock-runtime.us-east-1.amazonaws.com"


@pytest.mark.django_db
def test_the_environment_says_where_they_are(
    load_catalog: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_catalog()
    monkeypatch.setenv(
        "AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com/openai/v1/"
    )
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    account = json.dumps({"project_id": "my-project-1"})
    monkeypatch.setenv("VERTEX_SERVICE_ACCOUNT_JSON", account)
    monkeypatch.setenv("VERTEX_LOCATION", "europe-west4")

    load_catalog()

    by_slug = {row.slug: row for row in Provider.objects.all()}
    assert by_slug["azure"].base_url == "https://mine.openai.azure.com"
    assert by_slug["bedrock"].base_url == (
        "https://bedrock-runtime.eu-west-3.amazonaws.com"
    )
    for slug in ("vertex", "vertex-anthropic"):
        assert by_slug[slug].active
        assert by_slug[slug].base_url == (
            "https://europe-west4-aiplatform.googleapis.com"
            "/v1/projects/my-project-1/locations/europe-west4"
        )


@pytest.mark.django_db
def test_an_address_that_an_operator_put_in_stays(
    load_catalog: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_catalog()
    Provider.objects.filter(slug="azure").update(base_url="https://other.example")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")

    loaded = load_catalog()

    assert Provider.objects.get(slug="azure").base_url == "https://other.example"
    assert any("azure" in name for name in loaded.left_alone)


@pytest.mark.django_db
def test_a_key_of_bedrock_itself_needs_no_signature(
    load_catalog: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "bedrock-api-key-of-ours")

    load_catalog()

    assert Provider.objects.get(slug="bedrock").auth == "bearer"
    credential = Credential.objects.get(provider__slug="bedrock")
    assert credential.env_name == "AWS_BEARER_TOKEN_BEDROCK"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AZURE_OPENAI_ENDPOINT", "mine.openai.azure.com"),
        ("AZURE_OPENAI_ENDPOINT", "https://a:b@mine.openai.azure.com"),
        ("AWS_REGION", "../evil"),
        ("VERTEX_SERVICE_ACCOUNT_JSON", "/home/me/key.json"),
        ("VERTEX_SERVICE_ACCOUNT_JSON", '{"project_id": "a/../b"}'),
        ("VERTEX_SERVICE_ACCOUNT_JSON", "[]"),
    ],
)
def test_what_is_no_address_is_ignored(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert places() == {}
