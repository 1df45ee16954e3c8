"""What kind of sound some bytes are."""

_MAGIC = (
    (b"ID3", b"audio/mpeg"),
    (b"OggS", b"audio/ogg"),
    (b"fLaC", b"audio/flac"),
)
# Which sounds are headerless samples shows in nothing.
PCM = b"audio/pcm"
_NO_SOUNDS = (b"<!doctype", b"<html", b"\x1f\x8b\x08", b"data:", b"event:")


def audio_type_of(data: bytes) -> bytes:
    """Return the content type of some audio; empty for what is none."""
    for magic, content_type in _MAGIC:
        if data.startswith(magic):
            return content_type
    if data.startswith(b"RIFF") and data[8:12] == b"WAVE":
        return b"audio/wav"
    if len(data) > 3 and data[0] == 0xFF:
        # Both begin with a frame: twelve set bits, then the version and the layer.
        if data[1] & 0xF6 == 0xF0:
            return b"audio/aac"
        if data[1] in {0xFA, 0xFB, 0xF2, 0xF3, 0xE2, 0xE3} and data[2] >> 4 != 0xF:
            return b"audio/mpeg"
    if not data or data[:16].lstrip().lower().startswith(_NO_SOUNDS):
        return b""
    return PCM
