"""Both ways to ask for a transcription."""

import contextlib
import json
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import elevenlabs_transcription, openai_transcription
from gateway.canonical import Ended, TextDelta, Used
from gateway.multipart import Part, build_form, fields_of_form, parse_form
from gateway.operations import SpokenWord, TranscriptionRequest
from gateway.types import (
    InferenceRequest,
    Quirks,
    StreamFault,
    UpstreamFault,
    UpstreamReply,
)
from usage.tokens import Tokens

NO_QUIRKS = Quirks()
SOUND = b"\x00\r\n--\xff"
NAMES = [
    "text",
    "words",
    "segments",
    "usage",
    "duration",
    "language_code",
    "type",
    "start",
    "end",
    "audio_duration_secs",
    "detail",
    "error",
    "delta",
]
BOTH = pytest.mark.parametrize(
    "adapter", [openai_transcription, elevenlabs_transcription]
)


def asked(**fields: Any) -> TranscriptionRequest:
    return TranscriptionRequest(
        audio=SOUND, filename="a.wav", media_type="audio/wav", **fields
    )


def built(
    adapter: ModuleType, request: TranscriptionRequest, quirks: Quirks = NO_QUIRKS
) -> tuple[dict[str, Any], list[str]]:
    outgoing, dropped = adapter.build_request(request, "m-1", quirks, None)
    fields = fields_of_form(parse_form(outgoing.body, outgoing.content_type))
    sound = fields.pop("file")
    assert (sound.data, sound.filename, sound.content_type) == (
        SOUND,
        "a.wav",
        "audio/wav",
    )
    return fields, sorted(dropped)


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (asked(), {"timestamps_granularity": "none"}),
        (asked(format="text"), {"timestamps_granularity": "none"}),
        (asked(format="srt"), {"timestamps_granularity": "word"}),
        (asked(timestamps=frozenset({"word"})), {"timestamps_granularity": "word"}),
        (
            asked(diarize=True, language="de", temperature=0.0),
            {
                "timestamps_granularity": "word",
                "diarize": "true",
                "language_code": "de",
                "temperature": "0",
            },
        ),
    ],
)
def test_elevenlabs_is_asked_for_what_the_format_needs(
    request_: TranscriptionRequest, wanted: dict[str, str]
) -> None:
    fields, dropped = built(elevenlabs_transcription, request_)

    assert fields == {"model_id": "m-1", "tag_audio_events": "false", **wanted}
    assert dropped == []


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (asked(), {"response_format": "json"}),
        (asked(format="text"), {"response_format": "json"}),
        (asked(format="vtt"), {"response_format": "verbose_json"}),
        (
            asked(timestamps=frozenset({"word"}), prompt="Names.", language="de"),
            {
                "response_format": "verbose_json",
                "timestamp_granularities": ["word"],
                "prompt": "Names.",
                "language": "de",
            },
        ),
        (
            asked(diarize=True),
            {"response_format": "diarized_json", "chunking_strategy": "auto"},
        ),
    ],
)
def test_openai_is_asked_for_what_the_format_needs(
    request_: TranscriptionRequest, wanted: dict[str, Any]
) -> None:
    fields, dropped = built(openai_transcription, request_)

    assert fields == {"model": "m-1", **wanted}
    assert dropped == []


@BOTH
def test_what_has_no_counterpart_is_named(adapter: ModuleType) -> None:
    quirks = Quirks(
        drop_params=frozenset({"temperature"}), rename_params={"language": "lang"}
    )
    request = asked(temperature=0.5, extra={"include": ["logprobs"]}, prompt="Hi")

    fields, dropped = built(adapter, request, quirks)

    assert "temperature" not in fields
    assert {"include", "temperature"} <= {*dropped}
    assert ("prompt" in dropped) == (adapter is elevenlabs_transcription)


def test_a_relay_changes_what_it_must() -> None:
    parts = [
        Part("prompt", b"Hi"),
        Part("model", b"fast"),
        Part("include[]", b"logprobs"),
        Part("temperature", b"1"),
        Part("language", b"de"),
        Part("models[]", b"other"),
        Part("provider", b"{}"),
        Part("file", SOUND, "a.wav", "audio/wav"),
    ]
    body, content_type = build_form(parts)
    quirks = Quirks(
        drop_params=frozenset({"temperature"}), rename_params={"language": "lang"}
    )
    request = InferenceRequest(
        operation="transcription",
        dialect="openai_transcription",
        model="fast",
        fields={},
        size=1,
        content=body,
        content_type=content_type,
    )

    sent = openai_transcription.build_relayed_form(request, "whisper-1", quirks)

    found = parse_form(sent.body, sent.content_type)
    assert [(part.name, part.data) for part in found] == [
        ("model", b"whisper-1"),
        ("prompt", b"Hi"),
        ("include[]", b"logprobs"),
        ("lang", b"de"),
        ("file", SOUND),
    ]
    assert found[-1].head == parse_form(body, content_type)[-1].head


TOKENS = {
    "type": "tokens",
    "input_tokens": 30,
    "output_tokens": 9,
    "input_token_details": {"audio_tokens": 28, "text_tokens": 2},
}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (TOKENS, Tokens(input=30, output=9, other={"audio_in": 28})),
        ({"type": "duration", "seconds": 12.1}, Tokens(other={"second": 13})),
        ({"prompt_audio_seconds": 7, "prompt_tokens": 9}, Tokens(other={"second": 7})),
        ({"type": "duration", "seconds": -1}, None),
        ({"type": "duration", "seconds": 1e300}, None),
        ({"input_tokens": 0, "output_tokens": 0}, None),
        ({"input_tokens": -3, "output_tokens": 1}, None),
        ({"input_tokens": True, "output_tokens": 1}, None),
        ({"input_tokens": 10**15, "output_tokens": 1}, None),
        (
            {
                "input_tokens": 3,
                "output_tokens": 1,
                "input_token_details": {"audio_tokens": 4},
            },
            Tokens(input=3, output=1),
        ),
        ("much", None),
        (None, None),
    ],
)
def test_usage_is_what_can_be_true(usage: Any, tokens: Tokens | None) -> None:
    reply = openai_transcription.parse_response(
        orjson.dumps({"text": "Hi", "usage": usage})
    )

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == tokens


def test_a_duration_is_usage_where_there_is_no_other() -> None:
    reply = openai_transcription.parse_response(b'{"text":"Hi","duration":2.5}')

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens == Tokens(other={"second": 3})


@pytest.mark.parametrize(
    "body", [b"Hello.\n", b"1\n00:00:00,000 --> x\n", b"[1]", b"42"]
)
def test_a_text_is_an_answer(body: bytes) -> None:
    reply = openai_transcription.parse_response(body)

    assert isinstance(reply, UpstreamReply)
    assert reply.content_type == b"text/plain; charset=utf-8"
    assert reply.body == body


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"\xff\xfe", b'{"text":3}', b"{}", b'{"text":"cut']
)
def test_what_says_nothing_is_no_answer(body: bytes) -> None:
    with pytest.raises(openai_transcription.Unreadable):
        openai_transcription.parse_response(body)


def test_a_result_keeps_what_was_told() -> None:
    told = {
        "text": "Hi there.",
        "language": "english",
        "duration": 2.0,
        "words": [{"word": "Hi", "start": 0, "end": 0.5}, {"word": 3}, "x"],
        "segments": [
            {"text": " Hi there.", "start": 0.0, "end": 1.0, "speaker": "A"},
            {"text": "?", "start": None, "end": 1},
        ],
    }

    result = openai_transcription.parse_result(orjson.dumps(told))

    assert result.words == (SpokenWord("Hi", 0.0, 0.5),)
    assert result.segments == (SpokenWord(" Hi there.", 0.0, 1.0, "A"),)
    assert (result.language, result.duration_s) == ("english", 2.0)


def token(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"text": text, "start": start, "end": end, "type": "word", **more}


def segments(*tokens: dict[str, Any]) -> list[tuple[str, float, float, str]]:
    spaced: list[dict[str, Any]] = []
    for each in tokens:
        if spaced:
            spaced.append(token(" ", 0, 0, type="spacing"))
        spaced.append(each)
    body = orjson.dumps({"text": "x", "words": spaced})
    result = elevenlabs_transcription.parse_result(body)
    return [(s.text, s.start_s, s.end_s, s.speaker) for s in result.segments]


def test_a_segment_ends_with_its_sentence() -> None:
    assert segments(token("One", 0, 1), token("two.", 1, 2), token("Three", 2, 3)) == [
        ("One two.", 0, 2, ""),
        ("Three", 2, 3, ""),
    ]


def test_a_segment_ends_with_its_speaker() -> None:
    assert segments(
        token("One", 0, 1, speaker_id="a"), token("two", 1, 2, speaker_id="b")
    ) == [("One", 0, 1, "a"), ("two", 1, 2, "b")]


def test_a_segment_ends_with_a_silence() -> None:
    assert len(segments(token("One", 0, 1), token("two", 2.5, 3))) == 2
    assert len(segments(token("One", 0, 1), token("two", 1.5, 3))) == 1


def test_a_segment_does_not_last_for_ever() -> None:
    words = [token("la", n, n + 1) for n in range(20)]

    assert all(end - start <= 7 for _, start, end, _ in segments(*words))


def test_sounds_that_are_no_words_are_left_out() -> None:
    assert segments(
        token("(laughter)", 0, 1, type="audio_event"), token("Hi", 1, 2)
    ) == [("Hi", 1, 2, "")]


@pytest.mark.parametrize(
    ("code", "short"), [("eng", "en"), ("deu", "de"), ("zho", "zh"), ("ast", "ast")]
)
def test_languages_have_their_short_codes(code: str, short: str) -> None:
    body = orjson.dumps({"text": "x", "language_code": code})

    assert elevenlabs_transcription.parse_result(body).language == short


def test_an_error_in_place_of_a_text_is_a_fault() -> None:
    for adapter, body in (
        (openai_transcription, b'{"error":{"code":"x","message":"No."}}'),
        (elevenlabs_transcription, b'{"detail":{"status":"x","message":"No."}}'),
    ):
        fault = adapter.parse_response(body)
        assert isinstance(fault, UpstreamFault)
        assert (fault.code, fault.message) == ("x", "No.")


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(NAMES),
                inner,
                max_size=5,
            )
        ),
    ).map(lambda tree: json.dumps(tree).encode())
)
def test_no_bytes_crash_an_adapter(body: bytes) -> None:
    for adapter in (openai_transcription, elevenlabs_transcription):
        adapter.error_code(body)
        for parse in (adapter.parse_response, adapter.parse_result):
            with contextlib.suppress(adapter.Unreadable):
                parse(body)
    with contextlib.suppress(elevenlabs_transcription.Unreadable, StreamFault):
        elevenlabs_transcription.StreamParser().read(body)
    for event in (body + b"\n\n", b"data: " + body + b"\n\n"):
        with contextlib.suppress(openai_transcription.Unreadable):
            openai_transcription.StreamInspector(hide_usage=False).read(event)


def test_a_whole_answer_becomes_one_delta() -> None:
    cutter = elevenlabs_transcription.Cutter(10)
    body = b'{"text":"Hi there","audio_duration_secs":1.5}'
    for at in range(0, len(body), 7):
        assert cutter.feed(body[at : at + 7]) == b""

    chunks = elevenlabs_transcription.StreamParser().read(cutter.flush())

    used = Used(Tokens(other={"second": 2}))
    assert chunks == [TextDelta("Hi there"), used, Ended()]


def test_who_cannot_stream_answers_with_one_delta() -> None:
    inspector = openai_transcription.StreamInspector(hide_usage=False)
    body = {"text": "Hi", "usage": {"type": "duration", "seconds": 2}}

    notes = inspector.read(orjson.dumps(body, option=orjson.OPT_INDENT_2) + b"\n\n")

    assert notes.forward == (
        b'data: {"type":"transcript.text.delta","delta":"Hi"}\n\n'
        b'data: {"type":"transcript.text.done","text":"Hi",'
        b'"usage":{"type":"duration","seconds":2}}\n\n'
    )
    assert inspector.complete
    assert inspector.tokens == Tokens(other={"second": 2})


def test_events_are_passed_on_as_they_came() -> None:
    events = (
        b": hello\n\n"
        b'data: {"type":"transcript.text.delta","delta":"Hi"}\n\n'
        b'data: {"type":"transcript.text.done","text":"Hi","usage":{"type":"tokens",'
        b'"input_tokens":3,"output_tokens":1,"total_tokens":4}}\n\n'
    )
    inspector = openai_transcription.StreamInspector(hide_usage=True)

    assert inspector.read(events).forward == events
    assert inspector.complete
    assert inspector.tokens == Tokens(input=3, output=1)
    assert inspector.read(b"data: [DONE]\n\n").is_done
