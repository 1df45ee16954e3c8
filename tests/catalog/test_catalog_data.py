import re
from datetime import date
from pathlib import Path

import pytest

from catalog.bundle import apply_bundle, load_document, plan_bundle
from catalog.bundle.document import Document
from catalog.data.refresh import SOURCES, refresh
from catalog.loading import FOLDER, load_catalog
from catalog.models import AIModel, Alias, Provider
from config.env import PROVIDER_KEY_NAMES
from gateway.simulator.models import ModelList

FILES = sorted(FOLDER.glob("*.yaml"))
PROMISED = {
    "fast",
    "smart",
    "cheap",
    "vision",
    "long-context",
    "code",
    "creative",
    "analysis",
    "reasoning",
}

every_provider = pytest.mark.parametrize(
    "path", [p for p in FILES if p.stem != "aliases"], ids=lambda path: path.stem
)


def parsed(path: Path) -> Document:
    return load_document(path.read_text(encoding="utf-8"))


@every_provider
@pytest.mark.django_db
def test_every_file_is_a_bundle_that_applies_alone(path: Path) -> None:
    plan = apply_bundle(parsed(path), actor="a test")

    assert plan.notes == ()
    assert plan_bundle(parsed(path)).is_empty
    assert [provider.slug for provider in Provider.objects.all()] == [path.stem]


@every_provider
def test_every_model_has_a_price_for_input_and_output(path: Path) -> None:
    for model in parsed(path)["models"]:
        components = {price["component"] for price in model["prices"]}
        assert {"input", "output"} <= components, model["model_id"]
        assert all(
            float(price.get("per_million", price.get("per_unit"))) > 0
            for price in model["prices"]
        )


@every_provider
def test_keys_come_from_the_environment_that_the_product_reads(path: Path) -> None:
    [provider] = parsed(path)["providers"]

    if provider["auth"] != "none":
        assert provider["credential"].removeprefix("env:") in PROVIDER_KEY_NAMES


@pytest.mark.django_db
def test_every_promised_alias_ends_at_the_simulator() -> None:
    load_catalog()

    assert set(Alias.objects.values_list("name", flat=True)) == PROMISED
    for alias in Alias.objects.all():
        *others, last = [target.model for target in alias.targets.all()]
        assert last is not None
        assert last.provider.slug == "simulator"
        for model in (*others, last):
            assert model is not None
            assert set(alias.required_capabilities) <= set(model.capabilities), model
            assert model.provider.endpoints.filter(operation="chat").exists()
            assert model.deprecated_on is None


@pytest.mark.django_db
def test_models_that_end_name_a_successor_that_does_not() -> None:
    load_catalog()

    ending = AIModel.objects.filter(deprecated_on__isnull=False)
    assert ending.count() > 5
    for model in ending:
        assert model.successor is not None
        assert model.successor.deprecated_on is None


def test_the_simulator_offers_what_the_catalog_says() -> None:
    [path] = [path for path in FILES if path.stem == "simulator"]

    listed = {model["model_id"] for model in parsed(path)["models"]}

    assert listed == set(ModelList().names())


def test_prices_that_are_all_there_are_not_added_again() -> None:
    for slug, source in SOURCES.items():
        document = parsed(FOLDER / f"{slug}.yaml")
        assert refresh(document, source, date(2026, 12, 1)) == 0


def test_a_changed_price_is_added_from_today_on() -> None:
    document: Document = {
        "models": [
            {
                "model_id": "gpt-5.2",
                "prices": [
                    {
                        "component": "input",
                        "per_million": "9.00",
                        "valid_from": date(2026, 2, 1),
                    }
                ],
            }
        ]
    }

    refresh(document, "openai", date(2026, 12, 1))

    prices = [p for p in document["models"][0]["prices"] if p["component"] == "input"]
    assert prices[1:] == [
        {
            "component": "input",
            "per_million": "1.75",
            "valid_from": date(2026, 12, 1),
        }
    ]


def test_a_new_model_gets_the_prices_of_every_date_and_tier() -> None:
    document: Document = {"models": [{"model_id": "grok-4.20"}]}

    refresh(document, "x-ai", date(2026, 12, 1))

    inputs = [p for p in document["models"][0]["prices"] if p["component"] == "input"]
    assert [
        (p.get("min_input_tokens", 0), p["per_million"], str(p["valid_from"]))
        for p in inputs
    ] == [
        (0, "2.00", "2026-01-01"),
        (199999, "4.00", "2026-01-01"),
        (0, "1.25", "2026-04-30"),
        (199999, "2.50", "2026-04-30"),
    ]


def test_no_file_holds_anything_like_a_key() -> None:
    for path in FILES:
        assert not re.search(r"sk-|pplx-|gsk_", path.read_text(encoding="utf-8"))
