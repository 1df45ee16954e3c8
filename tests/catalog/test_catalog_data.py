import re
from datetime import date
from pathlib import Path

import pytest

from catalog.bundle import apply_bundle, load_document, plan_bundle
from catalog.bundle.document import Document
from catalog.data.refresh import SOURCES, refresh
from catalog.loading import FOLDER, load_catalog
from catalog.models import AIModel, Alias, Provider
from catalog.protocols import served_by
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
    "embed",
    "voice",
    "eu",
}
PRICED_BY = {
    "chat": {"input", "output"},
    "responses": {"input", "output"},
    "embeddings": {"input"},
    "moderation": {"input"},
    "rerank": {"input", "search"},
    "images": {"input", "image"},
    "speech": {"character", "input"},
    "transcription": {"second", "input"},
}
NEEDS_ALL = {"chat", "responses"}
# The models of the first catalog, with what they cost and hold.
FIRST = [
    ("openai/gpt-4o-mini", "0.15", "0.60", 128_000),
    ("anthropic/claude-3-5-haiku", "0.80", "4.00", 200_000),
    ("gemini/gemini-1.5-flash", "0.075", "0.30", 1_000_000),
    ("groq/llama-3.3-70b-versatile", "0.59", "0.79", 131_072),
    ("perplexity/sonar", "1.00", "1.00", 127_072),
    ("mistral/mistral-large", "2.00", "6.00", 128_000),
    ("together/meta-llama/Meta-Llama-3.1-70B-Instruct-Turbo", "0.88", "0.88", 32_768),
    ("cohere/command-r", "0.50", "1.50", 128_000),
    ("openrouter/anthropic/claude-3.5-sonnet", "3.00", "15.00", 200_000),
    ("deepinfra/meta-llama/Meta-Llama-3.1-70B-Instruct", "0.35", "0.40", 131_072),
]

# Some of them up to a rate limit.
FREE = {
    "omni-moderation-latest",
    "command-a-plus-05-2026",
    "command-a-reasoning-08-2025",
    "command-a-translate-08-2025",
    "command-a-vision-07-2025",
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
def test_every_model_has_a_price_for_what_it_is_used_for(path: Path) -> None:
    for model in parsed(path).get("models", []):
        components = {price["component"] for price in model["prices"]}
        for operation in model.get("operations", ["chat"]):
            priced = PRICED_BY[operation] & components
            assert priced, model["model_id"]
            if operation in NEEDS_ALL:
                assert priced == PRICED_BY[operation], model["model_id"]
        assert model["model_id"] in FREE or all(
            float(price.get("per_million", price.get("per_unit"))) > 0
            for price in model["prices"]
        )


@every_provider
def test_every_operation_of_a_model_has_an_endpoint(path: Path) -> None:
    document = parsed(path)
    served = {endpoint["operation"] for endpoint in document["endpoints"]}

    for model in document.get("models", []):
        # What is retired is answered for by its successor.
        if "deprecated_on" not in model:
            assert set(model.get("operations", ["chat"])) <= served, model["model_id"]


def test_at_least_130_models_are_configured() -> None:
    count = sum(
        len(parsed(path).get("models", []))
        for path in FILES
        if path.stem != "simulator"
    )

    assert count >= 130


@pytest.mark.parametrize(("name", "input_usd", "output_usd", "window"), FIRST)
def test_the_first_catalogs_models_are_still_there(
    name: str, input_usd: str, output_usd: str, window: int
) -> None:
    slug, _, model_id = name.partition("/")
    models = parsed(FOLDER / f"{slug}.yaml")["models"]
    [model] = [model for model in models if model["model_id"] == model_id]

    oldest: dict[str, str] = {}
    for price in model["prices"]:
        oldest.setdefault(price["component"], price.get("per_million", ""))
    assert (oldest["input"], oldest["output"]) == (input_usd, output_usd)
    assert model["context_window"] == window
    assert model["successor"]


@every_provider
def test_keys_come_from_the_environment_that_the_product_reads(path: Path) -> None:
    [provider] = parsed(path)["providers"]

    if provider["auth"] not in {"none", "oauth_service_account"}:
        assert provider["credential"].removeprefix("env:") in PROVIDER_KEY_NAMES


@pytest.mark.django_db
def test_every_promised_alias_leads_to_models_that_can_serve_it() -> None:
    load_catalog()

    assert set(Alias.objects.values_list("name", flat=True)) == PROMISED
    for alias in Alias.objects.all():
        *_, last = [target.model for target in alias.targets.all()]
        assert last is not None
        if alias.operation == "chat" and alias.region == "":
            assert last.provider.slug == "simulator"
        for target in alias.targets.all():
            model = target.model
            assert model is not None
            assert set(alias.required_capabilities) <= set(model.capabilities), model
            operations = set(served_by(alias.operation)) & set(model.operations)
            assert model.provider.endpoints.filter(operation__in=operations).exists()
            assert model.deprecated_on is None or model.operations == ["speech"]


@pytest.mark.django_db
def test_models_that_end_name_a_successor_that_does_not() -> None:
    load_catalog()

    # OpenAI has announced the end of its models for speech, and nothing in their place.
    ending = AIModel.objects.filter(deprecated_on__isnull=False).exclude(
        operations=["speech"]
    )
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


@pytest.mark.parametrize(
    ("source", "model_id", "price"),
    [
        ("openai", "whisper-1", {"component": "second", "per_unit": "0.0001"}),
        (
            "groq",
            "whisper-large-v3",
            {"component": "second", "per_unit": "0.000030833333"},
        ),
        ("openai", "tts-1", {"component": "character", "per_million": "15.00"}),
    ],
)
def test_sound_is_priced_by_the_second_and_speech_by_the_character(
    source: str, model_id: str, price: dict[str, str]
) -> None:
    document: Document = {"models": [{"model_id": model_id}]}

    refresh(document, source, date(2026, 12, 1))

    assert document["models"][0]["prices"] == [
        {**price, "valid_from": date(2026, 1, 1)}
    ]


def test_no_file_holds_anything_like_a_key() -> None:
    for path in FILES:
        assert not re.search(r"sk-|pplx-|gsk_", path.read_text(encoding="utf-8"))
