"""How long a sound lasts, as its container says; nothing is decoded."""

import struct
from collections.abc import Callable

# Longer than this is a wrong header, not a recording.
_MAX_SECONDS = 24 * 3600.0
_ATOM = struct.Struct(">I4s")
_OGG_TAIL = 64 * 1024
_BITRATES = {
    # MPEG 1, layer III; then MPEG 2 and 2.5.
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)


def seconds_of(audio: bytes) -> float | None:
    """Return the length in seconds, None where it cannot be told."""
    try:
        seconds = _reader_of(audio)(audio)
    except (struct.error, IndexError, ZeroDivisionError, OverflowError):
        return None
    if seconds is None or not 0 < seconds <= _MAX_SECONDS:
        return None
    return seconds


def _reader_of(audio: bytes) -> Callable[[bytes], float | None]:
    if audio.startswith(b"RIFF"):
        return _wav
    if audio.startswith(b"fLaC"):
        return _flac
    if audio.startswith(b"OggS"):
        return _ogg
    if audio[4:8] == b"ftyp":
        return _mp4
    if audio.startswith(b"ID3") or audio[:1] == b"\xff":
        return _mp3
    return _unknown


def _unknown(audio: bytes) -> float | None:
    return None


def _wav(audio: bytes) -> float | None:
    at, bytes_per_second = 12, 0
    while at + 8 <= len(audio):
        name = audio[at : at + 4]
        (size,) = struct.unpack_from("<I", audio, at + 4)
        if name == b"fmt ":
            (bytes_per_second,) = struct.unpack_from("<I", audio, at + 16)
        elif name == b"data":
            # A recorder that streams does not know the size in advance.
            return float(min(size, len(audio) - at - 8) / bytes_per_second)
        at += 8 + size + size % 2
    return None


def _flac(audio: bytes) -> float | None:
    # The first block: 20 bits of sample rate, 8 of layout, 36 of sample count.
    (packed,) = struct.unpack_from(">Q", audio, 18)
    return float((packed & 0xFFFFFFFFF) / (packed >> 44))


def _ogg(audio: bytes) -> float | None:
    last = audio.rfind(b"OggS", max(0, len(audio) - _OGG_TAIL))
    (samples,) = struct.unpack_from("<q", audio, last + 6)
    if audio.find(b"OpusHead", 0, 256) >= 0:
        return float(samples) / 48000
    vorbis = audio.find(b"\x01vorbis", 0, 256)
    if vorbis < 0:
        return None
    (rate,) = struct.unpack_from("<I", audio, vorbis + 12)
    return float(samples / rate)


def _mp4(audio: bytes) -> float | None:
    movie = _atom(audio, b"moov", 0, len(audio))
    header = movie and _atom(audio, b"mvhd", *movie)
    if not header:
        return None
    at = header[0]
    if audio[at] == 1:
        scale, units = struct.unpack_from(">IQ", audio, at + 20)
    else:
        scale, units = struct.unpack_from(">II", audio, at + 12)
    return float(units / scale)


def _atom(audio: bytes, wanted: bytes, at: int, end: int) -> tuple[int, int] | None:
    """Return where the content of an atom begins and ends."""
    while at + 8 <= end:
        size, name = _ATOM.unpack_from(audio, at)
        head = 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", audio, at + 8)
            head = 16
        if size < head:
            return None
        if name == wanted:
            return at + head, min(at + size, end)
        at += size
    return None


def _mp3(audio: bytes) -> float | None:
    """Take every frame for as long as the first: true unless the rate varies."""
    at = 0
    if audio.startswith(b"ID3"):
        high, middle, low, least = audio[6:10]
        at = 10 + (high << 21 | middle << 14 | low << 7 | least)
    if audio[at] != 0xFF or audio[at + 1] & 0xE6 != 0xE2:
        return None
    version = audio[at + 1] >> 3 & 3
    is_first = version == 3
    kilobits = _BITRATES[is_first][audio[at + 2] >> 4]
    rate = _RATES[audio[at + 2] >> 2 & 3] >> {3: 0, 2: 1}.get(version, 2)
    samples = 1152 if is_first else 576
    # An encoder of varying rate counts its frames in the first one.
    tag = max(audio.find(b"Xing", at, at + 64), audio.find(b"Info", at, at + 64))
    if tag > 0 and audio[tag + 7] & 1:
        (frames,) = struct.unpack_from(">I", audio, tag + 8)
        return float(frames * samples) / rate
    return (len(audio) - at) * 8 / (kilobits * 1000)
