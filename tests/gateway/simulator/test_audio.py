"""Speech and transcription as OpenAI and ElevenLabs have them, with their own clients."""

import io
import wave
from collections.abc import Iterator
from typing import Any

import elevenlabs
import httpx
import openai
import pytest
from elevenlabs.core import ApiError

from gateway.simulator import Simulator
from gateway.simulator.sounds import sound

WAV = sound("wav", 1.5)
UPLOAD = ("a.wav", WAV, "audio/wav")
RACHEL = "21m00Tcm4TlvDq8ikWAM"
CONTEXT = "max_character_limit_exceeded"


@pytest.fixture
def eleven(simulator: Simulator) -> Iterator[elevenlabs.ElevenLabs]:
    """ElevenLabs's own client, which does not try again by itself."""
    with httpx.Client(base_url=simulator.url, timeout=5) as http:
        yield elevenlabs.ElevenLabs(
            api_key="any", base_url=simulator.url, httpx_client=http
        )


def test_openai_speaks(client: openai.OpenAI) -> None:
    answer = client.audio.speech.create(
        model="sim-chat", voice="alloy", input="Hello there", response_format="wav"
    )

    assert answer.response.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.content)) as file:
        assert file.getframerate() == 24_000
        assert file.getnframes() > 1000


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"voice": "nobody"}, "voice"),
        ({"input": ""}, "input"),
        ({"input": "a" * 4097}, "input"),
        ({"response_format": "midi"}, "response_format"),
        ({"speed": 5}, "speed"),
        ({"extra_body": {"pitch": 2}}, "pitch"),
    ],
)
def test_openai_refuses_what_it_cannot_say(
    client: openai.OpenAI, fields: dict[str, Any], param: str
) -> None:
    asked: dict[str, Any] = {"model": "sim-chat", "voice": "alloy", "input": "Hi"}

    with pytest.raises(openai.BadRequestError) as refused:
        client.audio.speech.create(**{**asked, **fields})

    assert refused.value.param == param


def test_openai_streams_a_sound(http: httpx.Client) -> None:
    body = {"model": "sim-chat", "voice": "alloy", "input": "Hi"}

    answer = http.post("/v1/audio/speech", json={**body, "stream_format": "sse"})

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.count("speech.audio.delta") == 4
    assert '"usage"' in answer.text.split("\n\n")[-2]


@pytest.mark.parametrize("kind", ["json", "text", "srt", "vtt", "verbose_json"])
def test_openai_listens(client: openai.OpenAI, kind: Any) -> None:
    answer: Any = client.audio.transcriptions.create(
        model="sim-chat", file=UPLOAD, response_format=kind
    )

    assert "a.wav, 1.5 seconds of audio/wav" in getattr(answer, "text", answer)


def test_openai_streams_a_transcription(client: openai.OpenAI) -> None:
    *deltas, done = client.audio.transcriptions.create(
        model="sim-chat", file=UPLOAD, stream=True
    )

    assert done.type == "transcript.text.done"
    text = "".join(d.delta for d in deltas if d.type == "transcript.text.delta")
    assert text == done.text


def test_a_form_must_be_one(http: httpx.Client) -> None:
    for path in ("/v1/audio/transcriptions", "/v1/speech-to-text"):
        assert http.post(path, json={"model": "sim-chat"}).status_code == 400


def test_elevenlabs_speaks(eleven: elevenlabs.ElevenLabs) -> None:
    whole = b"".join(
        eleven.text_to_speech.convert(
            RACHEL, text="Hello", model_id="sim-chat", output_format="pcm_24000"
        )
    )
    pieces = list(
        eleven.text_to_speech.stream(
            RACHEL, text="Hello", model_id="sim-chat", output_format="pcm_24000"
        )
    )

    assert len(whole) % 2 == 0
    assert b"".join(pieces) == whole


def test_elevenlabs_listens(eleven: elevenlabs.ElevenLabs) -> None:
    answer: Any = eleven.speech_to_text.convert(
        model_id="sim-chat", file=UPLOAD, diarize=True
    )

    assert answer.audio_duration_secs == 1.5
    assert "".join(word.text for word in answer.words) == answer.text
    speakers = {word.speaker_id for word in answer.words if word.type == "word"}
    assert speakers == {"speaker_0", "speaker_1"}


def test_elevenlabs_lists_models_and_voices(eleven: elevenlabs.ElevenLabs) -> None:
    assert "sim-chat" in {model.model_id for model in eleven.models.list()}
    assert RACHEL in {voice.voice_id for voice in eleven.voices.get_all().voices}


@pytest.mark.parametrize(
    ("voice", "fields", "status", "code"),
    [
        ("nobody", {}, 404, "voice_not_found"),
        (RACHEL, {"output_format": "midi"}, 400, "invalid_output_format"),
        (RACHEL, {"text": "a" * 40_001}, 400, CONTEXT),
        (
            RACHEL,
            {"voice_settings": elevenlabs.VoiceSettings(speed=3.0)},
            400,
            "invalid_voice_settings",
        ),
        (RACHEL, {"model_id": "unknown"}, 404, "model_not_found"),
        (RACHEL, {"model_id": "sim-fault-401"}, 401, "invalid_api_key"),
        (RACHEL, {"model_id": "sim-fault-503"}, 503, "system_busy"),
        (RACHEL, {"model_id": "sim-fault-quota"}, 429, "quota_exceeded"),
        (RACHEL, {"model_id": "sim-fault-429"}, 429, "too_many_concurrent_requests"),
    ],
)
def test_elevenlabs_refuses_in_its_own_words(
    eleven: elevenlabs.ElevenLabs,
    voice: str,
    fields: dict[str, Any],
    status: int,
    code: str,
) -> None:
    asked = {"text": "Hi", "model_id": "sim-chat", **fields}

    with pytest.raises(ApiError) as refused:
        b"".join(
            eleven.text_to_speech.convert(
                voice, request_options={"max_retries": 0}, **asked
            )
        )

    assert refused.value.status_code == status
    assert refused.value.body["detail"]["status"] == code


def test_elevenlabs_names_the_field_that_is_missing(http: httpx.Client) -> None:
    answer = http.post(f"/v1/text-to-speech/{RACHEL}", json={})

    assert answer.status_code == 422
    (problem,) = answer.json()["detail"]
    assert problem["loc"] == ["body", "text"]


def test_a_key_that_is_none_is_refused(http: httpx.Client) -> None:
    headers = {"xi-api-key": "sk-invalid"}
    speech = f"/v1/text-to-speech/{RACHEL}"

    assert http.post(speech, json={"text": "Hi"}, headers=headers).status_code == 401
    assert http.get("/v1/models", headers=headers).status_code == 401


@pytest.mark.parametrize("kind", ["error-200", "empty", "html", "truncate", "reset"])
def test_faults_happen_to_sounds_too(http: httpx.Client, kind: str) -> None:
    body = {"text": "Hi", "model_id": f"sim-fault-{kind}"}
    try:
        answer = http.post(f"/v1/text-to-speech/{RACHEL}", json=body)
    except httpx.TransportError:
        assert kind in {"truncate", "reset"}
    else:
        assert answer.status_code == 200
        assert not answer.content.startswith(b"\xff\xfb")
