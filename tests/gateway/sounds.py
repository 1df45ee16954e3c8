"""Providers of speech and transcription, and sounds to send them."""

from decimal import Decimal

from catalog.models import AIModel, Alias, Provider
from gateway.simulator import Simulator
from gateway.simulator.sounds import sound
from tests.factories import (
    AIModelFactory,
    AliasFactory,
    AliasTargetFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway

CREDENTIAL = "sk-upstream-credential-of-the-platform"
WAV = sound("wav", 1.5)
UPLOAD = ("speech.wav", WAV, "audio/wav")

_PATHS = {
    "openai_speech": "/v1/audio/speech",
    "openai_transcription": "/v1/audio/transcriptions",
    "elevenlabs_speech": "/v1/text-to-speech/{voice}",
    "elevenlabs_transcription": "/v1/speech-to-text",
}
# USD per million of each.
PRICES = {
    "character": "15.00",
    "second": "100.00",
    "input": "2.50",
    "audio_in": "6.00",
    "output": "10.00",
}


def offer_sound(
    live: LiveGateway,
    upstream: Simulator,
    protocol: str,
    *model_ids: str,
    sold_by: tuple[str, ...],
    alias: str = "voice",
    **fields: object,
) -> Alias:
    """Put models that are asked in a protocol behind an alias, and wait for it."""
    operation = protocol.partition("_")[2]
    found = AliasFactory.create(name=alias, operation=operation)
    provider = sound_provider(upstream, protocol, **fields)
    for priority, model_id in enumerate(model_ids, start=1):
        model = sound_model(provider, model_id, operation, sold_by)
        AliasTargetFactory.create(alias=found, model=model, priority=priority)
    live.caught_up()
    return found


def sound_provider(upstream: Simulator, protocol: str, **fields: object) -> Provider:
    family, _, operation = protocol.partition("_")
    auth = "header:xi-api-key" if family == "elevenlabs" else "bearer"
    provider = ProviderFactory.create(
        slug=family,
        base_url=upstream.url,
        handler=protocol,
        auth=auth,
        allow_private_addresses=True,
        **fields,
    )
    EndpointFactory.create(
        provider=provider,
        operation=operation,
        pattern=_PATHS[protocol],
        handler=protocol,
    )
    CredentialFactory.create(provider=provider, value=CREDENTIAL)
    return provider


def sound_model(
    provider: Provider, model_id: str, operation: str, sold_by: tuple[str, ...]
) -> AIModel:
    model = AIModelFactory.create(
        provider=provider,
        model_id=model_id,
        operations=[operation],
        capabilities=[operation],
    )
    for component in sold_by:
        PriceFactory.create(
            model=model, component=component, per_million=Decimal(PRICES[component])
        )
    return model
