"""Both ways to ask for speech."""

import contextlib
from types import ModuleType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters import elevenlabs_speech, openai_speech
from gateway.canonical import AudioDelta
from gateway.operations import SpeechRequest
from gateway.simulator.sounds import sound
from gateway.types import Quirks, StreamFault, UpstreamFault, UpstreamReply, Variant

NO_QUIRKS = Quirks()
QUIRKS = Quirks(
    drop_params=frozenset({"speed", "seed"}), rename_params={"voice": "speaker"}
)
BOTH = pytest.mark.parametrize("adapter", [openai_speech, elevenlabs_speech])


def elevenlabs_body(request: SpeechRequest, quirks: Quirks = NO_QUIRKS) -> Any:
    outgoing, _ = elevenlabs_speech.build_request(request, "eleven_v3", quirks, None)
    return orjson.loads(outgoing.body)


def variant_of(**fields: Any) -> Variant:
    request = SpeechRequest(text="Hi", **fields)
    outgoing, _ = elevenlabs_speech.build_request(request, "eleven_v3", NO_QUIRKS, None)
    return outgoing.variant


@pytest.mark.parametrize(
    ("voice", "asked"),
    [
        ("alloy", "21m00Tcm4TlvDq8ikWAM"),
        ("verse", "CYw3kZ02Hs0563khs1Fj"),
        ("", "21m00Tcm4TlvDq8ikWAM"),
        ("pNInz6obpgDQGcFmaJgB", "pNInz6obpgDQGcFmaJgB"),
    ],
)
def test_a_voice_is_a_name_of_openai_or_an_id(voice: str, asked: str) -> None:
    assert variant_of(voice=voice).voice == asked


def test_every_name_of_openai_has_a_voice_of_its_own() -> None:
    assert len(elevenlabs_speech.VOICES) == 13
    assert len({*elevenlabs_speech.VOICES.values()}) == 13


@pytest.mark.parametrize(
    ("kind", "asked", "dropped"),
    [
        ("mp3", "mp3_44100_128", []),
        ("opus", "opus_48000_128", []),
        ("wav", "wav_24000", []),
        ("pcm", "pcm_24000", []),
        ("aac", "mp3_44100_128", ["response_format"]),
        ("flac", "mp3_44100_128", ["response_format"]),
    ],
)
def test_a_format_stands_in_the_query(
    kind: str, asked: str, dropped: list[str]
) -> None:
    request = SpeechRequest(text="Hi", format=kind)

    outgoing, unsaid = elevenlabs_speech.build_request(
        request, "eleven_v3", NO_QUIRKS, None
    )

    assert outgoing.variant.query == f"output_format={asked}"
    assert unsaid == dropped


@pytest.mark.parametrize(
    ("speed", "settings"),
    [(None, None), (1.0, 1.0), (0.25, 0.7), (4, 1.2), (1.1, 1.1)],
)
def test_a_speed_is_brought_into_its_range(speed: Any, settings: Any) -> None:
    body = elevenlabs_body(SpeechRequest(text="Hi", speed=speed))

    assert body.get("voice_settings") == (settings and {"speed": settings})


def test_own_words_are_said_and_others_named() -> None:
    request = SpeechRequest(
        text="Hi",
        instructions="Softly.",
        extra={"seed": 7, "voice_settings": "loud", "language_code": "de", "mood": 1},
    )

    outgoing, dropped = elevenlabs_speech.build_request(request, "m", QUIRKS, None)

    assert orjson.loads(outgoing.body) == {
        "text": "Hi",
        "model_id": "m",
        "language_code": "de",
    }
    assert sorted(dropped) == ["instructions", "mood", "seed", "voice_settings"]


def test_a_request_is_written_in_openais_words() -> None:
    request = SpeechRequest(
        text="Hi", voice="nova", format="wav", speed=2, instructions="Softly."
    )

    body, dropped = openai_speech.build_request(request, "tts-1", QUIRKS, None)

    assert body == {
        "model": "tts-1",
        "input": "Hi",
        "speaker": "nova",
        "response_format": "wav",
        "instructions": "Softly.",
    }
    assert dropped == ["speed"]


def test_a_relay_changes_what_it_must() -> None:
    fields = {"model": b'"fast"', "voice": b'"x"', "speed": b"2", "models": b"[]"}

    sent = openai_speech.build_relayed(
        fields, "tts-1", QUIRKS, stream=True, dropped=frozenset({"models"})
    )

    assert sent == {"model": b'"tts-1"', "speaker": b'"x"'}


@BOTH
@pytest.mark.parametrize("kind", ["mp3", "opus", "wav", "pcm"])
def test_a_sound_is_an_answer(adapter: ModuleType, kind: str) -> None:
    data = sound(kind, 0.1)

    reply = adapter.parse_response(data)

    assert isinstance(reply, UpstreamReply)
    assert reply.tokens is None
    result = adapter.parse_reply(reply)
    assert result.audio == data
    assert result.content_type.startswith("audio/")


@BOTH
@pytest.mark.parametrize("body", [b"", b"<html></html>", b"\x1f\x8b\x08\x00\x00"])
def test_what_is_no_sound_is_none(adapter: ModuleType, body: bytes) -> None:
    with pytest.raises(adapter.Unreadable):
        adapter.parse_response(body)


@pytest.mark.parametrize(
    ("body", "code", "message", "param"),
    [
        (
            {"detail": {"status": "quota_exceeded", "message": "Spent."}},
            "insufficient_quota",
            "Spent.",
            None,
        ),
        (
            {
                "detail": {
                    "type": "validation_error",
                    "code": "text_too_long",
                    "status": "max_character_limit_exceeded",
                    "message": "Long.",
                    "param": "text",
                }
            },
            "string_above_max_length",
            "Long.",
            "text",
        ),
        (
            {"detail": {"type": "rate_limit_error", "code": "system_busy"}},
            "system_busy",
            "No message.",
            None,
        ),
        ({"detail": "Not Found"}, "", "Not Found", None),
        (
            {"detail": [{"loc": ["body", "text"], "msg": "Field required"}]},
            "invalid_request",
            "text: Field required",
            "text",
        ),
        ({"detail": []}, "", "[]", None),
        ({"detail": [3]}, "", "3", None),
        ({"message": "Odd."}, "", "Odd.", None),
        ([1], "", "1", None),
    ],
)
def test_every_shape_of_an_error_is_read(
    body: Any, code: str, message: str, param: str | None
) -> None:
    fault = elevenlabs_speech.error_code(orjson.dumps(body))

    assert (fault.code, fault.message, fault.param) == (code, message, param)


def test_an_error_in_place_of_a_sound_is_a_fault() -> None:
    error = {"detail": {"status": "system_busy", "message": "Busy."}}

    told = elevenlabs_speech.parse_response(orjson.dumps(error))
    asked = openai_speech.parse_response(b'{"error":{"code":"x","message":"No."}}')

    assert isinstance(told, UpstreamFault)
    assert told.code == "system_busy"
    assert isinstance(asked, UpstreamFault)
    assert asked.message == "No."


@given(st.binary(max_size=200))
def test_no_bytes_crash_an_adapter(body: bytes) -> None:
    for adapter in (openai_speech, elevenlabs_speech):
        adapter.error_code(body)
        for start in (b"", b"{", b'{"detail":', b"\xff\xfb"):
            try:
                reply = adapter.parse_response(start + body)
            except adapter.Unreadable:
                continue
            assert isinstance(reply, UpstreamReply | UpstreamFault)
    with contextlib.suppress(elevenlabs_speech.Unreadable, StreamFault):
        elevenlabs_speech.StreamParser().read(body)
    with contextlib.suppress(openai_speech.Unreadable):
        openai_speech.StreamInspector(hide_usage=False).read(body)


@given(st.lists(st.integers(1, 9_000), max_size=5))
def test_a_sound_may_be_cut_anywhere(cuts: list[int]) -> None:
    data = sound("wav", 0.1)
    cutter, parser = elevenlabs_speech.Cutter(10), elevenlabs_speech.StreamParser()
    edges = sorted({16, *(cut for cut in cuts if 16 < cut < len(data))})

    pieces = [
        data[start:end] for start, end in zip([0, *edges], [*edges, None], strict=True)
    ]
    chunks = [c for piece in pieces for c in parser.read(cutter.feed(piece))]
    chunks += parser.read(cutter.flush())

    assert b"".join(c.audio for c in chunks if isinstance(c, AudioDelta)) == data
    assert parser.complete


@pytest.mark.parametrize("body", [b'{"detail":"Busy"}', b'{"detail":{"status":'])
def test_an_error_is_never_heard(body: bytes) -> None:
    with pytest.raises((elevenlabs_speech.Unreadable, StreamFault)):
        elevenlabs_speech.StreamParser().read(body)


DONE = (
    b'data: {"type":"speech.audio.done",'
    b'"usage":{"input_tokens":3,"output_tokens":40,"total_tokens":43}}\n\n'
)
EVENTS = [
    b'data: {"type":"speech.audio.delta","audio":"AAAA"}\n\n',
    b'data: {"type":"speech.audio.delta","audio":"BBBB"}\n\n',
    DONE,
]


def test_events_are_passed_on_as_they_came() -> None:
    inspector = openai_speech.StreamInspector(hide_usage=True)

    passed = [inspector.read(event).forward for event in EVENTS]

    assert passed == EVENTS
    assert inspector.started
    assert inspector.complete
    assert inspector.tokens is not None
    assert (inspector.tokens.input, inspector.tokens.output) == (3, 40)


def test_an_error_among_the_events_is_a_fault() -> None:
    inspector = openai_speech.StreamInspector(hide_usage=True)

    notes = inspector.read(
        EVENTS[0] + b'data: {"error":{"code":"x","message":"No."}}\n\n'
    )

    assert notes.forward == EVENTS[0]
    assert notes.fault is not None
    assert not inspector.complete
