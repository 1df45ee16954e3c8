"""Speech through the gateway, asked for with OpenAI's own client."""

import base64
import json
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from gateway.simulator import Simulator
from gateway.simulator.sounds import seconds_for, sound
from tenants.models import Project
from tests.gateway.live import LiveGateway
from tests.gateway.refusals import error_of
from tests.gateway.sounds import CREDENTIAL, offer_sound

TEXT = "Hello there, and welcome."
CHARACTERS = ("character",)
TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
BOTH = pytest.mark.parametrize("protocol", ["openai_speech", "elevenlabs_speech"])


def heard(kind: str) -> bytes:
    return sound(kind, seconds_for(TEXT))


@BOTH
@pytest.mark.parametrize("kind", sorted(TYPES))
def test_a_text_is_spoken_in_every_format(
    live: LiveGateway,
    upstream: Simulator,
    client: openai.OpenAI,
    protocol: str,
    kind: Any,
) -> None:
    offer_sound(live, upstream, protocol, "tts-1", sold_by=CHARACTERS)

    answer = client.audio.speech.create(
        model="voice", voice="alloy", input=TEXT, response_format=kind
    )

    assert answer.content == heard(kind)
    assert answer.response.headers["content-type"] == TYPES[kind]
    assert answer.response.headers["content-length"] == str(len(answer.content))


@BOTH
def test_speech_costs_its_characters(
    live: LiveGateway,
    upstream: Simulator,
    client: openai.OpenAI,
    project: Project,
    protocol: str,
) -> None:
    offer_sound(live, upstream, protocol, "tts-1", sold_by=CHARACTERS)

    answer = client.audio.speech.create(model="voice", voice="nova", input=TEXT)

    (event,) = live.events(project)
    assert event.operation == "speech"
    assert event.other_usage == {"character": len(TEXT)}
    assert (event.input_tokens, event.output_tokens) == (0, 0)
    assert not event.estimated
    assert event.cost_usd == Decimal("15") * len(TEXT) / 1_000_000
    assert Decimal(answer.response.headers["x-signalbox-cost-usd"]) == event.cost_usd


@BOTH
def test_a_sound_can_be_read_as_it_comes(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI, protocol: str
) -> None:
    offer_sound(live, upstream, protocol, "tts-1", sold_by=CHARACTERS)

    with client.audio.speech.with_streaming_response.create(
        model="voice", voice="alloy", input=TEXT, response_format="wav"
    ) as answer:
        pieces = list(answer.iter_bytes(1024))

    assert b"".join(pieces) == heard("wav")


def test_a_relayed_request_changes_nothing_but_the_model(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI
) -> None:
    offer_sound(live, upstream, "openai_speech", "gpt-4o-mini-tts", sold_by=CHARACTERS)

    client.audio.speech.create(
        model="voice",
        voice={"id": "voice_1234"},
        input=TEXT,
        instructions="Whisper.",
        speed=1.5,
        stream_format="audio",
    )

    (call,) = upstream.calls
    assert call.body == {
        "model": "gpt-4o-mini-tts",
        "voice": {"id": "voice_1234"},
        "input": TEXT,
        "instructions": "Whisper.",
        "speed": 1.5,
        "stream_format": "audio",
    }
    assert call.headers["authorization"] == f"Bearer {CREDENTIAL}"


def test_elevenlabs_is_asked_in_its_own_words(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI
) -> None:
    offer_sound(live, upstream, "elevenlabs_speech", "eleven_v3", sold_by=CHARACTERS)

    answer = client.audio.speech.create(
        model="voice",
        voice="fable",
        input=TEXT,
        instructions="Whisper.",
        speed=3,
        response_format="flac",
        extra_body={"voice_settings": {"stability": 0.4}, "seed": 7, "pitch": 2},
    )

    (call,) = upstream.calls
    assert call.body == {
        "text": TEXT,
        "model_id": "eleven_v3",
        "voice_settings": {"speed": 1.2, "stability": 0.4},
        "seed": 7,
    }
    assert call.headers["xi-api-key"] == CREDENTIAL
    assert "authorization" not in call.headers
    headers = answer.response.headers
    assert headers["content-type"] == "audio/mpeg"
    dropped = headers["x-signalbox-dropped-params"].split(",")
    assert sorted(dropped) == ["instructions", "pitch", "response_format"]


@BOTH
def test_a_sound_comes_as_events_for_who_wants_them(
    live: LiveGateway,
    upstream: Simulator,
    http: httpx.Client,
    project: Project,
    protocol: str,
) -> None:
    sold_by = ("character", "input", "output")
    offer_sound(live, upstream, protocol, "gpt-4o-mini-tts", sold_by=sold_by)
    body = {
        "model": "voice",
        "voice": "alloy",
        "input": TEXT,
        "response_format": "pcm",
        "stream_format": "sse",
    }

    answer = http.post("/v1/audio/speech", json=body)

    assert answer.headers["content-type"].startswith("text/event-stream")
    *deltas, done = [
        json.loads(line.removeprefix("data: "))
        for line in answer.text.split("\n\n")
        if line
    ]
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(d["audio"]) for d in deltas) == heard("pcm")
    assert done["type"] == "speech.audio.done"
    (event,) = live.events(project)
    assert event.streamed
    if protocol == "openai_speech":
        usage = done["usage"]
        assert event.input_tokens == usage["input_tokens"] > 0
        assert event.output_tokens == usage["output_tokens"] > 0
        expected = Decimal("2.5") * event.input_tokens + 10 * event.output_tokens
    else:
        assert event.other_usage == {"character": len(TEXT)}
        expected = Decimal("15") * len(TEXT)
    assert event.cost_usd == expected / 1_000_000


@BOTH
def test_another_target_speaks_when_the_first_cannot(
    live: LiveGateway,
    upstream: Simulator,
    client: openai.OpenAI,
    project: Project,
    protocol: str,
) -> None:
    broken = (
        "sim-fault-500",
        "sim-fault-quota",
        "sim-fault-html",
        "sim-fault-error-200",
    )
    offer_sound(live, upstream, protocol, *broken, "tts-1", sold_by=CHARACTERS)

    answer = client.audio.speech.create(model="voice", voice="alloy", input=TEXT)

    assert answer.content == heard("mp3")
    assert answer.response.headers["x-signalbox-attempts"] == "5"
    *failed, last = live.events(project)
    assert [event.status for event in failed] == ["failed"] * 4
    assert all(event.cost_usd == 0 for event in failed)
    assert last.cost_usd == Decimal("15") * len(TEXT) / 1_000_000


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": "  "}, "input"),
        ({"input": 3}, "input"),
        ({"input": TEXT, "voice": 3}, "voice"),
        ({"input": TEXT, "voice": {"name": "x"}, "speed": "fast"}, "speed"),
        ({"input": TEXT, "voice": ".."}, "voice"),
        ({"input": TEXT, "voice": "x" * 201}, "voice"),
        ({"input": TEXT, "stream_format": "chunks"}, "stream_format"),
    ],
)
def test_what_nobody_could_say_is_refused(
    http: httpx.Client, body: dict[str, Any], param: str
) -> None:
    answer = http.post("/v1/audio/speech", json={"model": "voice", **body})

    assert answer.status_code == 400
    assert error_of(answer)["param"] == param


def test_a_voice_that_does_not_exist_is_told_in_the_clients_dialect(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI
) -> None:
    offer_sound(live, upstream, "elevenlabs_speech", "eleven_v3", sold_by=CHARACTERS)

    with pytest.raises(openai.NotFoundError, match="no-such-voice"):
        client.audio.speech.create(model="voice", voice="no-such-voice", input=TEXT)


def test_a_text_that_is_too_long_goes_to_who_takes_it(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI
) -> None:
    text = "a" * 6_000
    models = ("eleven_v3", "eleven_flash_v2_5")
    offer_sound(live, upstream, "elevenlabs_speech", *models, sold_by=CHARACTERS)

    answer = client.audio.speech.create(model="voice", voice="alloy", input=text)

    assert answer.response.headers["x-signalbox-model"] == "eleven_flash_v2_5"


def test_the_mount_of_openai_speaks_too(
    live: LiveGateway, upstream: Simulator, key: str
) -> None:
    offer_sound(live, upstream, "openai_speech", "tts-1", sold_by=CHARACTERS)

    with openai.OpenAI(base_url=f"{live.url}/openai/v1", api_key=key) as client:
        answer = client.audio.speech.create(model="voice", voice="alloy", input=TEXT)

    assert answer.content == heard("mp3")


@BOTH
def test_a_sound_that_breaks_off_ends_with_an_error(
    live: LiveGateway,
    upstream: Simulator,
    http: httpx.Client,
    project: Project,
    protocol: str,
) -> None:
    offer_sound(live, upstream, protocol, "sim-fault-truncate-2", sold_by=CHARACTERS)
    body = {"model": "voice", "voice": "alloy", "input": TEXT, "stream_format": "sse"}

    answer = http.post("/v1/audio/speech", json=body)

    assert answer.status_code == 200
    assert "speech.audio.done" not in answer.text
    *deltas, last = [line for line in answer.text.split("\n\n") if line]
    assert deltas
    assert json.loads(last.removeprefix("data: "))["error"]["code"].startswith(
        "upstream_"
    )
    (event,) = live.events(project)
    assert event.status == "incomplete"
    assert event.other_usage == {"character": len(TEXT)}


@BOTH
def test_half_a_sound_is_no_answer(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI, protocol: str
) -> None:
    models = ("sim-fault-truncate", "tts-1")
    offer_sound(live, upstream, protocol, *models, sold_by=CHARACTERS)

    answer = client.audio.speech.create(model="voice", voice="alloy", input=TEXT)

    assert answer.content == heard("mp3")
    assert answer.response.headers["x-signalbox-attempts"] == "2"
