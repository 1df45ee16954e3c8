"""Clients that speak their own provider's words: Cohere's and ElevenLabs's, passed on."""

from collections.abc import Iterator
from decimal import Decimal

import cohere
import elevenlabs
import httpx
import pytest
from cohere.core.api_error import ApiError as CohereError
from elevenlabs.core.api_error import ApiError as ElevenLabsError

from catalog.models import Provider
from gateway.simulator import Simulator
from tenants.models import Project
from tests.factories import (
    AIModelFactory,
    CredentialFactory,
    EndpointFactory,
    PriceFactory,
    ProviderFactory,
)
from tests.gateway.live import LiveGateway

VOICE = "21m00Tcm4TlvDq8ikWAM"
WORDS = "Hello there, this is a sentence."
COHERE = {
    "cohere_chat": ("chat", "/v2/chat", "sim-chat"),
    "cohere_embeddings": ("embeddings", "/v2/embed", "sim-embed"),
    "cohere_rerank": ("rerank", "/v2/rerank", "sim-rerank"),
}
ELEVENLABS = {
    "elevenlabs_speech": ("speech", "/v1/text-to-speech/{voice}", "eleven_v3"),
    "elevenlabs_transcription": ("transcription", "/v1/speech-to-text", "scribe_v2"),
}


def offer(
    live: LiveGateway,
    upstream: Simulator,
    slug: str,
    auth: str,
    endpoints: dict[str, tuple[str, str, str]],
) -> Provider:
    """Put a provider with its endpoints on offer, each with one model of its own."""
    provider = ProviderFactory.create(
        slug=slug,
        base_url=upstream.url,
        handler=next(iter(endpoints)),
        auth=auth,
        allow_private_addresses=True,
    )
    CredentialFactory.create(provider=provider, value="of-the-platform-123456")
    for handler, (operation, pattern, model_id) in endpoints.items():
        EndpointFactory.create(
            provider=provider, operation=operation, pattern=pattern, handler=handler
        )
        model = AIModelFactory.create(
            provider=provider, model_id=model_id, operations=[operation]
        )
        for component in ("input", "output", "character", "second", "search"):
            PriceFactory.create(
                model=model,
                component=component,
                **(
                    {"per_million": Decimal(1)}
                    if component in {"input", "output"}
                    else {"per_million": None, "per_unit": Decimal("0.001")}
                ),
            )
    live.caught_up()
    return provider


@pytest.fixture
def coheres(
    live: LiveGateway, upstream: Simulator, key: str
) -> Iterator[cohere.ClientV2]:
    offer(live, upstream, "cohere", "bearer", COHERE)
    with httpx.Client() as http:
        yield cohere.ClientV2(
            key, base_url=f"{live.url}/proxy/cohere", httpx_client=http, max_retries=0
        )


@pytest.fixture
def elevens(
    live: LiveGateway, upstream: Simulator, key: str
) -> Iterator[elevenlabs.ElevenLabs]:
    offer(live, upstream, "elevenlabs", "header:xi-api-key", ELEVENLABS)
    with httpx.Client() as http:
        yield elevenlabs.ElevenLabs(
            api_key=key, base_url=f"{live.url}/proxy/elevenlabs", httpx_client=http
        )


def test_cohere_chats_plain_and_streamed(
    coheres: cohere.ClientV2, live: LiveGateway, project: Project
) -> None:
    asked: list[cohere.ChatMessageV2] = [
        cohere.UserChatMessageV2(content="Hello there")
    ]

    reply = coheres.chat(model="sim-chat", messages=asked)
    events = list(coheres.chat_stream(model="sim-chat", messages=asked))

    assert reply.message.content is not None
    whole = "".join(getattr(item, "text", "") for item in reply.message.content)
    streamed = "".join(
        event.delta.message.content.text or ""
        for event in events
        if event.type == "content-delta"
        and event.delta
        and event.delta.message
        and event.delta.message.content
    )
    assert "You wrote: Hello there" in whole
    assert whole == streamed
    assert events[-1].type == "message-end"
    stored = live.events(project)
    assert [event.streamed for event in stored] == [False, True]
    assert len({event.output_tokens for event in stored}) == 1
    assert all(event.cost_usd and not event.estimated for event in stored)


def test_cohere_embeds_and_ranks(
    coheres: cohere.ClientV2, live: LiveGateway, project: Project
) -> None:
    vectors = coheres.embed(
        model="sim-embed",
        texts=["one", "two"],
        input_type="search_document",
        embedding_types=["float"],
    )
    ranked = coheres.rerank(
        model="sim-rerank", query="capital", documents=["Oslo", "the capital"]
    )

    assert vectors.embeddings.float_ is not None
    assert len(vectors.embeddings.float_) == 2
    assert ranked.results[0].index == 1
    embedded, searched = live.events(project)
    assert (embedded.operation, searched.operation) == ("embeddings", "rerank")
    assert embedded.input_tokens > 0
    assert searched.other_usage == {"search": 1}


def test_cohere_reads_the_refusals_of_both_sides(coheres: cohere.ClientV2) -> None:
    message = cohere.UserChatMessageV2(content="")
    with pytest.raises(CohereError) as refused:
        coheres.chat(model="sim-chat", messages=[message], temperature=7)
    with pytest.raises(CohereError) as unknown:
        coheres.chat(model="nobody", messages=[message])

    assert refused.value.status_code in {400, 422}
    assert unknown.value.status_code == 404


def test_elevenlabs_speaks_whole_and_streamed(
    elevens: elevenlabs.ElevenLabs, live: LiveGateway, project: Project
) -> None:
    whole = b"".join(
        elevens.text_to_speech.convert(VOICE, text=WORDS, model_id="eleven_v3")
    )
    streamed = b"".join(
        elevens.text_to_speech.stream(VOICE, text=WORDS, model_id="eleven_v3")
    )

    assert len(whole) > 100
    assert whole == streamed
    stored = live.events(project)
    assert [event.other_usage for event in stored] == [{"character": len(WORDS)}] * 2
    assert all(event.cost_usd == Decimal("0.001") * len(WORDS) for event in stored)


def test_elevenlabs_writes_down_what_it_hears(
    elevens: elevenlabs.ElevenLabs, live: LiveGateway, project: Project
) -> None:
    heard = elevens.speech_to_text.convert(
        model_id="scribe_v2", file=("hello.wav", b"RIFF", "audio/wav")
    )

    assert "hello.wav" in heard.text  # type: ignore[union-attr]
    (event,) = live.events(project)
    assert (event.operation, event.model) == ("transcription", "scribe_v2")


def test_elevenlabs_reads_the_refusals_of_both_sides(
    elevens: elevenlabs.ElevenLabs,
) -> None:
    with pytest.raises(ElevenLabsError) as unheard:
        list(
            elevens.text_to_speech.convert("no-voice", text=WORDS, model_id="eleven_v3")
        )
    with pytest.raises(ElevenLabsError) as unknown:
        list(elevens.text_to_speech.convert(VOICE, text=WORDS, model_id="nobody"))

    assert unheard.value.status_code in {400, 404}
    assert unknown.value.status_code == 404
