"""Short sounds in every format, and how long some are."""

import array
import io
import math
import wave

RATE = 24_000
_TONE_HZ = 220
_LOUDNESS = 6000
# The head of an MPEG 1 layer III frame (128 kbit/s, 44.1 kHz, one channel); what
# follows of its 417 bytes is zero, which is silence.
_MP3_FRAME = bytes((0xFF, 0xFB, 0x90, 0xC4)) + bytes(413)
_MP3_FRAME_S = 1152 / 44_100
_LETTERS_PER_S = 15
_LONGEST_S = 2.0
# Bytes of a sound that is compressed in a way unknown here.
_BYTES_PER_S = 16_000


def seconds_for(text: str) -> float:
    """Return how long the text takes to say; nobody waits for long ones."""
    return max(0.1, min(len(text) / _LETTERS_PER_S, _LONGEST_S))


def sound(kind: str, seconds: float) -> bytes:
    """Return a tone; the formats that cannot be made here are only like real ones."""
    match kind:
        case "mp3":
            return _MP3_FRAME * max(1, round(seconds / _MP3_FRAME_S))
        case "pcm":
            return _samples(seconds)
        case "wav":
            return _wav(seconds)
        case "opus":
            return b"OggS" + bytes(24) + b"OpusHead" + bytes(round(seconds * 4000))
        case "flac":
            return b"fLaC" + bytes(round(seconds * 8000))
        case _:
            return b"\xff\xf1" + bytes(round(seconds * 8000))


def length_of(data: bytes) -> float:
    """Return the seconds of a sound; those of a wave file are exact."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return max(0.1, len(data) / _BYTES_PER_S)


def _wav(seconds: float) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(_samples(seconds))
    return buffer.getvalue()


def _samples(seconds: float) -> bytes:
    step = 2 * math.pi * _TONE_HZ / RATE
    wanted = range(round(seconds * RATE))
    return array.array(
        "h", [int(_LOUDNESS * math.sin(n * step)) for n in wanted]
    ).tobytes()
