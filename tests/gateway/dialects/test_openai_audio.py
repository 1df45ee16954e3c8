"""Speech and transcription as OpenAI's clients ask for them."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.canonical import AudioDelta, TextDelta, Used
from gateway.dialects import openai_speech, openai_transcription
from gateway.dialects.openai_transcription.subtitles import srt, vtt
from gateway.multipart import Part
from gateway.operations import SpeechResult, SpokenWord, TranscriptionResult
from gateway.simulator.sounds import sound
from gateway.types import UpstreamReply
from usage.tokens import Tokens

REPLY = UpstreamReply(b"{}", None)
FORM: dict[str, Any] = {
    "model": "m",
    "file": Part("file", sound("wav", 1.2), "a.wav", "audio/wav"),
}
RESULT = TranscriptionResult(
    text="Hi <b> there. Bye & bye.",
    language="en",
    duration_s=3723.5,
    words=(SpokenWord("Hi", 0.0, 0.5, "x"),),
    segments=(
        SpokenWord("Hi <b> there.", 0.0, 1.25, "x"),
        SpokenWord("Bye & bye.", 3722.0, 3723.4996, "y"),
    ),
    tokens=Tokens(other={"second": 3724}),
)


def reply_for(**fields: Any) -> UpstreamReply:
    request = openai_transcription.parse_request({**FORM, **fields})
    return openai_transcription.build_reply(REPLY, request, RESULT, "id", 1, "m")


def test_a_speech_request_keeps_what_was_said() -> None:
    body = {
        "model": "m",
        "input": "Hi",
        "voice": {"id": "v1"},
        "response_format": "wav",
        "speed": 1.5,
        "instructions": "Softly.",
        "stream_format": "audio",
        "seed": 7,
    }

    request = openai_speech.parse_request(body)

    assert request.text == "Hi"
    assert (request.voice, request.format, request.speed) == ("v1", "wav", 1.5)
    assert request.instructions == "Softly."
    assert request.extra == {"seed": 7}
    assert openai_speech.units(body) == {"character": 2}
    assert not openai_speech.wants_stream(body)


def test_characters_are_counted_and_not_bytes() -> None:
    assert openai_speech.units({"input": "Grüße 🦊"}) == {"character": 7}


def test_a_sound_is_answered_as_it_is() -> None:
    request = openai_speech.parse_request({"input": "Hi"})
    result = SpeechResult(audio=b"RIFF", content_type="audio/wav")

    reply = openai_speech.build_reply(REPLY, request, result, "id", 1, "m")

    assert (reply.body, reply.content_type) == (b"RIFF", b"audio/wav")


def test_a_sound_is_wrapped_into_events() -> None:
    builder = openai_speech.StreamBuilder("id", 1, "m", with_usage=True)

    piece = builder.write(AudioDelta(b"\x00\x01"))
    nothing = builder.write(Used(Tokens(input=3, output=4)))

    assert piece == b'data: {"type":"speech.audio.delta","audio":"AAE="}\n\n'
    assert nothing == b""
    assert orjson.loads(builder.close()[6:])["usage"]["total_tokens"] == 7


def test_a_form_keeps_what_was_said() -> None:
    request = openai_transcription.parse_request(
        {
            **FORM,
            "language": "de",
            "prompt": "Names.",
            "temperature": "0.5",
            "response_format": "verbose_json",
            "timestamp_granularities": ["word"],
            "include": ["logprobs"],
            "stream": "false",
            "models": ["n"],
        }
    )

    assert request.audio == FORM["file"].data
    assert (request.filename, request.media_type) == ("a.wav", "audio/wav")
    assert (request.language, request.prompt) == ("de", "Names.")
    assert request.temperature == 0.5
    assert request.timestamps == {"word"}
    assert request.extra == {"include": ["logprobs"]}


def test_a_sound_is_counted_by_begun_seconds() -> None:
    unknown = {**FORM, "file": Part("file", bytes(4000), "a.bin")}

    assert openai_transcription.units(FORM) == {"second": 2}
    assert openai_transcription.size_as_text(FORM) == 48
    assert openai_transcription.units(unknown) == {}
    assert openai_transcription.size_as_text(unknown) == 10


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"timestamp_granularities": ["letter"]}, "timestamp_granularities"),
        ({"timestamp_granularities": [FORM["file"]]}, "timestamp_granularities"),
        ({"response_format": "docx"}, "response_format"),
    ],
)
def test_what_cannot_be_translated_is_refused(fields: Any, param: str) -> None:
    with pytest.raises(openai_transcription.Malformed) as refused:
        openai_transcription.parse_request({**FORM, **fields})

    assert refused.value.param == param


def test_subtitles_have_their_moments() -> None:
    assert srt(RESULT) == (
        "1\n00:00:00,000 --> 00:00:01,250\nHi <b> there.\n\n"
        "2\n01:02:02,000 --> 01:02:03,500\nBye & bye.\n\n"
    )
    assert vtt(RESULT) == (
        "WEBVTT\n\n"
        "00:00:00.000 --> 00:00:01.250\nHi &lt;b&gt; there.\n\n"
        "01:02:02.000 --> 01:02:03.500\nBye &amp; bye.\n\n"
    )


def test_a_text_without_segments_is_one_subtitle() -> None:
    result = TranscriptionResult(text="Hi", duration_s=2.0)

    assert srt(result) == "1\n00:00:00,000 --> 00:00:02,000\nHi\n\n"
    assert srt(TranscriptionResult(text="")) == ""


@pytest.mark.parametrize(
    ("kind", "content_type", "body"),
    [
        ("text", b"text/plain; charset=utf-8", b"Hi <b> there. Bye & bye.\n"),
        ("srt", b"text/plain; charset=utf-8", srt(RESULT).encode()),
        ("vtt", b"text/vtt; charset=utf-8", vtt(RESULT).encode()),
    ],
)
def test_texts_are_no_json(kind: str, content_type: bytes, body: bytes) -> None:
    reply = reply_for(response_format=kind)

    assert (reply.content_type, reply.body) == (content_type, body)


def test_json_says_what_was_asked_for() -> None:
    short = orjson.loads(reply_for().body)
    long = orjson.loads(reply_for(response_format="verbose_json").body)
    words = orjson.loads(
        reply_for(response_format="verbose_json", timestamp_granularities=["word"]).body
    )
    speakers = orjson.loads(reply_for(response_format="diarized_json").body)

    usage = {"type": "duration", "seconds": 3724}
    assert short == {"text": RESULT.text, "usage": usage}
    assert (long["language"], long["duration"], long["task"]) == (
        "en",
        3723.5,
        "transcribe",
    )
    assert [s["text"] for s in long["segments"]] == ["Hi <b> there.", "Bye & bye."]
    assert "words" not in long
    assert words["words"] == [{"word": "Hi", "start": 0.0, "end": 0.5}]
    assert "segments" not in words
    assert [s["speaker"] for s in speakers["segments"]] == ["A", "B"]


def test_a_transcription_is_told_in_events() -> None:
    builder = openai_transcription.StreamBuilder("id", 1, "m", with_usage=True)

    first = builder.write(TextDelta("Hi "))
    builder.write(TextDelta("there"))
    builder.write(Used(Tokens(input=5, output=2, other={"audio_in": 4})))

    assert first == b'data: {"type":"transcript.text.delta","delta":"Hi "}\n\n'
    done = orjson.loads(builder.close()[6:])
    assert (done["type"], done["text"]) == ("transcript.text.done", "Hi there")
    assert done["usage"] == {
        "type": "tokens",
        "input_tokens": 5,
        "output_tokens": 2,
        "total_tokens": 7,
        "input_token_details": {"audio_tokens": 4, "text_tokens": 1},
    }


SPEECH = [
    "model",
    "input",
    "voice",
    "speed",
    "response_format",
    "instructions",
    "stream_format",
]
FIELDS = [
    "model",
    "language",
    "prompt",
    "response_format",
    "temperature",
    "stream",
    "include",
    "timestamp_granularities",
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["id", "x"]), inner, max_size=2)
    ),
)


@given(
    st.dictionaries(
        st.sampled_from(SPEECH),
        VALUES,
    )
)
def test_no_body_is_anything_but_a_request_or_malformed(told: dict[str, Any]) -> None:
    body = {"input": "Hi", **told}
    try:
        openai_speech.check_request(body)
    except openai_speech.Malformed:
        return
    assert openai_speech.parse_request(body).text == body["input"]
    openai_speech.wants_stream(body)


@given(
    st.dictionaries(
        st.sampled_from(FIELDS),
        st.text(max_size=4)
        | st.just(FORM["file"])
        | st.lists(st.text(max_size=4) | st.just(FORM["file"]), max_size=2),
    )
)
def test_no_form_is_anything_but_a_request_or_malformed(fields: dict[str, Any]) -> None:
    body = {**FORM, **fields}
    try:
        openai_transcription.check_request(body)
        openai_transcription.parse_request(body)
    except openai_transcription.Malformed:
        return
    openai_transcription.wants_stream(body)
    openai_transcription.units(body)
