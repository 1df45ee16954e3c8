"""Which protocol an endpoint is spoken to in, and what is refused."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from catalog.bundle import BundleRefused, apply_bundle
from catalog.models import AIModel, Alias, AliasTarget, Endpoint
from catalog.models.alias import check_target_model
from catalog.models.endpoint import handler_of
from tests.admin_pages import save, saved, text_of
from tests.catalog.bundles import bundle, example, model, provider
from tests.gateway.rows import make_model, make_provider

pytestmark = pytest.mark.django_db


def endpoint(**fields: Any) -> dict[str, Any]:
    given = {"provider": "acme", "pattern": "/v1/other", **fields}
    return {"operation": "embeddings", **given}


def mistakes(**sections: Any) -> list[str]:
    with pytest.raises(BundleRefused) as refused:
        apply_bundle(bundle(**sections), actor="a test")
    return [str(mistake) for mistake in refused.value.mistakes]


@pytest.mark.parametrize(
    ("operation", "own", "of_provider", "spoken"),
    [
        ("chat", "", "openai_chat", "openai_chat"),
        ("embeddings", "", "openai_chat", "openai_embeddings"),
        ("responses", "", "openai_chat", "openai_responses"),
        ("chat", "", "openai_responses", "openai_chat"),
        ("embeddings", "", "gemini_generate", "gemini_embeddings"),
        ("rerank", "cohere_rerank", "openai_chat", "cohere_rerank"),
        ("count_tokens", "", "anthropic_messages", "anthropic_messages"),
        ("rerank", "", "openai_chat", None),
        ("embeddings", "openai_chat", "openai_chat", None),
    ],
)
def test_an_endpoint_is_spoken_to_in_its_own_protocol_or_one_of_the_family(
    operation: str, own: str, of_provider: str, spoken: str | None
) -> None:
    row = Endpoint(operation=operation, handler=own)

    assert handler_of(row, of_provider) == spoken


def test_an_endpoint_whose_handler_is_for_something_else_is_refused_at_its_place() -> (
    None
):
    found = mistakes(endpoints=[endpoint(handler="openai_chat")])

    assert found == [
        (
            "endpoints[0].handler: openai_chat is not for embeddings; there are "
            "openai_embeddings, gemini_embeddings, cohere_embeddings, bedrock_embeddings."
        )
    ]


def test_an_endpoint_that_the_providers_family_cannot_serve_is_refused() -> None:
    found = mistakes(endpoints=[endpoint(operation="rerank")])

    assert found == [
        (
            "endpoints[0].handler: openai_chat, the provider's handler, has no protocol "
            "for rerank; there are cohere_rerank."
        )
    ]


def test_a_provider_does_not_leave_its_endpoints_without_a_protocol() -> None:
    apply_bundle(bundle(endpoints=[endpoint()]), actor="a test")

    found = mistakes(
        providers=[provider(handler="anthropic_messages")],
        endpoints=[],
    )

    assert found[0].startswith("providers[0].handler: anthropic_messages, the provider")


def test_the_old_name_of_a_handler_is_read_as_the_new_one() -> None:
    apply_bundle(
        bundle(endpoints=[endpoint(operation="chat", handler="openai")]), actor="a test"
    )

    assert {row.handler for row in Endpoint.objects.all()} == {"openai_chat"}


def test_the_admin_says_which_handlers_there_are(admin_client: Client) -> None:
    acme = make_provider()

    response = save(
        admin_client,
        reverse("admin:catalog_endpoint_add"),
        {
            "provider": acme.pk,
            "operation": "speech",
            "pattern": "/v1/audio/speech",
            "handler": "openai_chat",
        },
    )

    assert "there are openai_speech, elevenlabs_speech" in text_of(response)


def test_a_provider_and_its_endpoints_are_checked_as_they_are_saved(
    admin_client: Client,
) -> None:
    acme = make_provider()
    page = reverse("admin:catalog_provider_change", args=[acme.pk])

    refused = save(admin_client, page, {"handler": "elevenlabs_speech"})
    kept = save(admin_client, page, {"handler": "gemini_generate"})

    assert "elevenlabs_speech, the provider's handler, has no protocol" in text_of(
        refused
    )
    assert saved(kept), text_of(kept)


@pytest.mark.parametrize("operation", ["chat", "responses"])
def test_an_alias_for_conversations_takes_models_of_either_kind(operation: str) -> None:
    alias = Alias(name="fast", operation=operation)
    talking = make_model(make_provider(), operations=["responses"])

    check_target_model(alias, talking)


def test_a_model_may_turn_from_chat_to_responses_behind_an_alias() -> None:
    apply_bundle(example(), actor="a test")

    responses = {"provider": "acme", "operation": "responses", "pattern": "/v1/r"}
    apply_bundle(
        bundle(
            endpoints=[responses],
            models=[model(operations=["responses"])],
        ),
        actor="a test",
    )

    assert AIModel.objects.get().operations == ["responses"]
    assert AliasTarget.objects.exists()
