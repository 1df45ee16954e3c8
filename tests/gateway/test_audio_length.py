import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio_formats import audio_type_of
from gateway.audio_length import seconds_of
from gateway.simulator.sounds import sound

FLAC = b"fLaC" + bytes((0, 0, 0, 34)) + bytes(10)
OPUS_HEAD = b"OggS\x00\x02" + bytes(21) + b"\x13OpusHead" + bytes(11)
VORBIS_HEAD = (
    b"OggS\x00\x02" + bytes(22) + b"\x01vorbis" + bytes(5) + struct.pack("<I", 44_100)
)


def ogg_page(samples: int) -> bytes:
    return b"OggS\x00\x04" + struct.pack("<q", samples) + bytes(50)


def atom(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def movie(header: bytes) -> bytes:
    moov = atom(b"moov", atom(b"iods", b"x") + atom(b"mvhd", header))
    return atom(b"ftyp", b"M4A ") + atom(b"mdat", bytes(30)) + moov


SOUNDS = {
    "wav": (sound("wav", 1.5), 1.5),
    "wav of a recorder that streams": (
        sound("wav", 0.5).replace(struct.pack("<I", 24_000), b"\xff" * 4, 1),
        0.5,
    ),
    "flac": (FLAC + struct.pack(">Q", 48_000 << 44 | 7 << 36 | 96_000), 2.0),
    "opus": (OPUS_HEAD + ogg_page(100) + ogg_page(120_000), 2.5),
    "vorbis": (VORBIS_HEAD + ogg_page(66_150), 1.5),
    "m4a": (movie(bytes(12) + struct.pack(">II", 1000, 3250)), 3.25),
    "m4a, long": (movie(b"\x01" + bytes(19) + struct.pack(">IQ", 1000, 3250)), 3.25),
    "mp3": (sound("mp3", 1.0), 1.0),
    "mp3 with a tag": (
        b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256) + sound("mp3", 1.0),
        1.0,
    ),
    "mp3 of varying rate": (
        b"\xff\xfb\x90\xc4" + bytes(17) + b"Xing\0\0\0\x01" + struct.pack(">I", 100),
        100 * 1152 / 44_100,
    ),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_a_container_tells_the_length(name: str) -> None:
    data, seconds = SOUNDS[name]

    assert seconds_of(data) == pytest.approx(seconds, rel=0.02)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"RIFF",
        b"not a sound",
        FLAC + bytes(8),
        b"OggS",
        movie(bytes(20)),
        sound("wav", 0.1).replace(b"data", b"daty"),
        FLAC + struct.pack(">Q", 1 << 44 | 0xFFFFFFFFF),
    ],
)
def test_what_tells_no_length_has_none(data: bytes) -> None:
    assert seconds_of(data) is None


@given(
    st.sampled_from([b"", *(data[:60] for data, _ in SOUNDS.values())]),
    st.binary(max_size=200),
)
def test_no_bytes_are_too_odd(head: bytes, rest: bytes) -> None:
    seconds = seconds_of(head + rest)

    assert seconds is None or seconds > 0
    assert audio_type_of(head + rest) in {
        b"",
        b"audio/aac",
        b"audio/flac",
        b"audio/mpeg",
        b"audio/ogg",
        b"audio/pcm",
        b"audio/wav",
    }


@pytest.mark.parametrize("kind", ["mp3", "opus", "wav", "flac", "aac", "pcm"])
def test_a_sound_is_known_by_its_beginning(kind: str) -> None:
    names = {"mp3": "mpeg", "opus": "ogg"}

    assert audio_type_of(sound(kind, 0.1)) == f"audio/{names.get(kind, kind)}".encode()


@pytest.mark.parametrize(
    "data",
    [b"", b"<!DOCTYPE html><html>", b"\n<HTML>", b"\x1f\x8b\x08\x00", b"data: {}"],
)
def test_what_is_no_sound_is_told_apart(data: bytes) -> None:
    assert audio_type_of(data) == b""


def test_soft_samples_are_no_frame() -> None:
    assert audio_type_of(b"\xff\xff\x01\x00" * 10) == b"audio/pcm"
