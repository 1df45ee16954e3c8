"""Transcription through the gateway, asked for with OpenAI's own client."""

import json
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest

from gateway.simulator import Simulator
from tenants.models import Project
from tests.gateway.live import LiveGateway
from tests.gateway.refusals import error_of
from tests.gateway.sounds import CREDENTIAL, UPLOAD, WAV, offer_sound

PATH = "/v1/audio/transcriptions"
SECONDS = ("second",)
TOKENS = ("input", "audio_in", "output")
BOTH = pytest.mark.parametrize(
    ("protocol", "model"),
    [("openai_transcription", "whisper-1"), ("elevenlabs_transcription", "scribe_v2")],
)
SAID = "simulated"


@BOTH
@pytest.mark.parametrize("kind", ["json", "text", "srt", "vtt", "verbose_json"])
def test_a_sound_is_written_down_in_every_format(
    live: LiveGateway,
    upstream: Simulator,
    client: openai.OpenAI,
    project: Project,
    protocol: str,
    model: str,
    kind: Any,
) -> None:
    offer_sound(live, upstream, protocol, model, sold_by=SECONDS)

    answer: Any = client.audio.transcriptions.create(
        model="voice", file=UPLOAD, response_format=kind, language="en"
    )

    match kind:
        case "json":
            assert SAID in answer.text
        case "text":
            assert SAID in answer
            assert answer.endswith("\n")
        case "srt":
            assert answer.startswith("1\n00:00:00,000 --> 00:00:")
            assert SAID in answer
        case "vtt":
            assert answer.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:")
            assert SAID in answer
        case _:
            assert answer.duration == 1.5
            assert "".join(s.text for s in answer.segments).replace(" ", "") == (
                answer.text.replace(" ", "")
            )
            assert answer.segments[-1].end <= 1.5
    (event,) = live.events(project)
    assert event.operation == "transcription"
    # A begun second counts.
    assert event.other_usage == {"second": 2}
    assert event.cost_usd == Decimal("0.0002")


@BOTH
def test_words_have_their_moments(
    live: LiveGateway,
    upstream: Simulator,
    client: openai.OpenAI,
    protocol: str,
    model: str,
) -> None:
    offer_sound(live, upstream, protocol, model, sold_by=SECONDS)

    answer = client.audio.transcriptions.create(
        model="voice",
        file=UPLOAD,
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )

    assert answer.segments is None
    assert answer.words is not None
    assert [word.word for word in answer.words] == answer.text.split()
    ends = [0.0, *(word.end for word in answer.words)]
    assert all(
        before <= word.start <= word.end
        for before, word in zip(ends, answer.words, strict=False)
    )


def test_tokens_are_counted_where_they_are_reported(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI, project: Project
) -> None:
    model = "gpt-4o-transcribe"
    offer_sound(live, upstream, "openai_transcription", model, sold_by=TOKENS)

    answer = client.audio.transcriptions.create(model="voice", file=UPLOAD)

    (event,) = live.events(project)
    assert answer.usage is not None
    assert answer.usage.type == "tokens"
    assert event.input_tokens == answer.usage.input_tokens == 15
    assert event.output_tokens == answer.usage.output_tokens > 0
    assert event.other_usage == {"audio_in": 15}
    assert event.cost_usd == Decimal(15 * 6 + 10 * event.output_tokens) / 1_000_000


def test_a_relayed_form_changes_nothing_but_the_model(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI
) -> None:
    offer_sound(live, upstream, "openai_transcription", "whisper-1", sold_by=SECONDS)
    sound = WAV + bytes(range(256)) + b"\r\n--\r\n\n\r--not-the-boundary\r\n"

    client.audio.transcriptions.create(
        model="voice",
        file=("höre „das“.wav", sound, "audio/x-wav"),
        prompt="Grüße\r\nan alle",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        temperature=0.2,
        extra_body={"models": ["voice"], "provider": '{"allow_fallbacks": true}'},
    )

    (call,) = upstream.calls
    assert call.body is not None
    uploaded = call.body.pop("file")
    assert uploaded["data"] == sound
    assert uploaded["type"] == "audio/x-wav"
    assert call.body == {
        "model": "whisper-1",
        "prompt": "Grüße\r\nan alle",
        "response_format": "verbose_json",
        "timestamp_granularities": ["word", "segment"],
        "temperature": "0.2",
    }
    assert call.headers["authorization"] == f"Bearer {CREDENTIAL}"


def test_elevenlabs_is_asked_in_its_own_words(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI
) -> None:
    model = "scribe_v2"
    offer_sound(live, upstream, "elevenlabs_transcription", model, sold_by=SECONDS)

    answer = client.audio.transcriptions.with_raw_response.create(
        model="voice",
        file=UPLOAD,
        language="de",
        prompt="Names: Birch.",
        temperature=0.5,
        chunking_strategy="auto",
    )

    (call,) = upstream.calls
    assert call.body == {
        "model_id": model,
        "tag_audio_events": "false",
        "timestamps_granularity": "none",
        "language_code": "de",
        "temperature": "0.5",
        "file": {"filename": "speech.wav", "type": "audio/wav", "data": WAV},
    }
    assert call.headers["xi-api-key"] == CREDENTIAL
    dropped = answer.headers["x-signalbox-dropped-params"].split(",")
    assert sorted(dropped) == ["chunking_strategy", "prompt"]
    assert SAID in answer.parse().text


@pytest.mark.parametrize(
    ("protocol", "model"),
    [
        ("openai_transcription", "gpt-4o-transcribe-diarize"),
        ("elevenlabs_transcription", "scribe_v2"),
    ],
)
def test_speakers_are_told_apart(
    live: LiveGateway,
    upstream: Simulator,
    client: openai.OpenAI,
    protocol: str,
    model: str,
) -> None:
    offer_sound(live, upstream, protocol, model, sold_by=(*TOKENS, *SECONDS))

    answer = client.audio.transcriptions.create(
        model="voice",
        file=UPLOAD,
        response_format="diarized_json",
        chunking_strategy="auto",
    )

    assert answer.segments[0].speaker == "A"
    if protocol == "elevenlabs_transcription":
        assert {segment.speaker for segment in answer.segments} == {"A", "B"}


@pytest.mark.parametrize(
    ("protocol", "model", "deltas"),
    [
        ("openai_transcription", "gpt-4o-transcribe", 10),
        ("openai_transcription", "whisper-1", 1),
        ("elevenlabs_transcription", "scribe_v2", 1),
    ],
)
def test_a_transcription_is_streamed(
    live: LiveGateway,
    upstream: Simulator,
    client: openai.OpenAI,
    project: Project,
    protocol: str,
    model: str,
    deltas: int,
) -> None:
    offer_sound(live, upstream, protocol, model, sold_by=(*TOKENS, *SECONDS))

    *pieces, last = client.audio.transcriptions.create(
        model="voice", file=UPLOAD, stream=True
    )

    assert len(pieces) >= deltas
    assert last.type == "transcript.text.done"
    text = "".join(
        piece.delta for piece in pieces if piece.type == "transcript.text.delta"
    )
    assert text == last.text
    assert SAID in text
    (event,) = live.events(project)
    assert event.streamed
    assert event.status == "ok"
    if model == "gpt-4o-transcribe":
        assert event.input_tokens == 15
    else:
        assert len(pieces) == 1
        assert event.other_usage == {"second": 2}


@BOTH
def test_another_target_listens_when_the_first_cannot(
    live: LiveGateway,
    upstream: Simulator,
    client: openai.OpenAI,
    project: Project,
    protocol: str,
    model: str,
) -> None:
    broken = (
        "sim-fault-503",
        "sim-fault-401",
        "sim-fault-empty",
        "sim-fault-error-200",
    )
    offer_sound(live, upstream, protocol, *broken, model, sold_by=SECONDS)

    answer = client.audio.transcriptions.create(model="voice", file=UPLOAD)

    assert model in answer.text
    *failed, last = live.events(project)
    assert [event.status for event in failed] == ["failed"] * 4
    assert last.cost_usd == Decimal("0.0002")


@BOTH
@pytest.mark.parametrize("fault", ["error-200", "html", "empty", "truncate-1"])
def test_a_stream_that_never_began_is_no_stream(
    live: LiveGateway,
    upstream: Simulator,
    http: httpx.Client,
    protocol: str,
    model: str,
    fault: str,
) -> None:
    offer_sound(live, upstream, protocol, f"sim-fault-{fault}", sold_by=SECONDS)
    form = {"model": "voice", "stream": "true"}

    answer = http.post(PATH, data=form, files={"file": UPLOAD})

    if answer.status_code == 200:
        # Some events were here before the connection broke.
        *_, last = [line for line in answer.text.split("\n\n") if line]
        assert "error" in json.loads(last.removeprefix("data: "))
    else:
        assert answer.status_code == 502
        assert error_of(answer)["code"].startswith("upstream_")


def test_what_is_no_json_is_metered_by_the_sound_itself(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI, project: Project
) -> None:
    offer_sound(live, upstream, "openai_transcription", "whisper-1", sold_by=SECONDS)

    client.audio.transcriptions.create(
        model="voice", file=UPLOAD, response_format="text"
    )

    (event,) = live.events(project)
    assert event.other_usage == {"second": 2}
    assert not event.estimated


def test_a_sound_of_unknown_length_has_no_cost_that_nobody_knows(
    live: LiveGateway, upstream: Simulator, client: openai.OpenAI, project: Project
) -> None:
    offer_sound(live, upstream, "openai_transcription", "whisper-1", sold_by=SECONDS)

    client.audio.transcriptions.create(
        model="voice", file=("a.bin", b"\x00" * 900), response_format="text"
    )

    (event,) = live.events(project)
    assert event.estimated
    assert event.cost_usd is None


@pytest.mark.parametrize(
    ("form", "files", "param"),
    [
        ({"model": "voice"}, {}, "file"),
        ({"model": "voice", "file": "text"}, {}, "file"),
        ({"model": "voice"}, {"file": ("a.wav", b"")}, "file"),
        ({"model": ["voice", "fast"]}, {"file": UPLOAD}, "model"),
        ({"model": "m" * 301}, {"file": UPLOAD}, "model"),
        ({"model": "voice", "stream": "maybe"}, {"file": UPLOAD}, "stream"),
        ({"model": "voice", "temperature": "hot"}, {"file": UPLOAD}, "temperature"),
        ({"model": "voice", "provider": "[1]"}, {"file": UPLOAD}, "provider"),
        ({"model": "voice", "provider": '{"x": 1}'}, {"file": UPLOAD}, "provider.x"),
        (
            {"model": "voice", **{f"f{n}": "x" for n in range(100)}},
            {"file": UPLOAD},
            None,
        ),
    ],
)
def test_a_form_that_is_none_is_refused(
    http: httpx.Client, form: Any, files: Any, param: str | None
) -> None:
    if not files:
        files = {"other": ("a.wav", b"a")}

    answer = http.post(PATH, data=form, files=files)

    assert answer.status_code == 400
    assert error_of(answer)["param"] == param


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"model": "voice"}', "application/json"),
        (b"", "multipart/form-data; boundary=x"),
        (b"--x--", "multipart/form-data"),
        (b"--y--", "multipart/form-data; boundary=x"),
        (b"--x\r\nno headers", "multipart/form-data; boundary=x"),
        (b"a=b", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form_is_refused(
    http: httpx.Client, content: bytes, content_type: str
) -> None:
    answer = http.post(PATH, content=content, headers={"content-type": content_type})

    assert answer.status_code == 400
    assert error_of(answer)["code"] == "invalid_request"


def test_an_unknown_format_is_refused_before_anybody_is_asked(
    live: LiveGateway, upstream: Simulator, http: httpx.Client
) -> None:
    model = "scribe_v2"
    offer_sound(live, upstream, "elevenlabs_transcription", model, sold_by=SECONDS)
    form = {"model": "voice", "response_format": "docx"}

    answer = http.post(PATH, data=form, files={"file": UPLOAD})

    assert answer.status_code == 400
    assert error_of(answer)["param"] == "response_format"
    assert upstream.calls == []
