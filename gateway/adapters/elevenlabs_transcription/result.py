"""A transcription as a canonical result: segments are built here, out of the words."""

import math
from typing import Any

import msgspec

from gateway.adapters.elevenlabs_errors import fault_of
from gateway.adapters.elevenlabs_transcription.languages import short_code
from gateway.adapters.reading import Unreadable
from gateway.operations import SpokenWord, TranscriptionResult
from gateway.types import UpstreamFault, UpstreamReply
from usage.tokens import Tokens

# A segment ends with its sentence, with a silence, or when it has grown this long.
_SENTENCE_ENDS = (".", "!", "?", "…", "\u3002", "\uff01", "\uff1f")
_SILENCE_S = 1.0
_MAX_SEGMENT_S = 7.0
_MAX_SECONDS = 24 * 3600


class _Token(msgspec.Struct):
    """A word, or what stands between two."""

    text: str
    type: str = "word"
    start: float | None = None
    end: float | None = None
    speaker_id: str | None = None


class _Answer(msgspec.Struct):
    text: str | None = None
    language_code: str | None = None
    words: list[_Token] | None = None
    audio_duration_secs: Any = None
    detail: Any = None


_decode = msgspec.json.Decoder(_Answer).decode


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    answer = _read(body)
    if answer.detail:
        return fault_of({"detail": answer.detail})
    if answer.text is None:
        raise Unreadable("The answer holds no text.")
    return UpstreamReply(body=body, tokens=_used(answer.audio_duration_secs))


def parse_result(body: bytes) -> TranscriptionResult:
    """Read an answer. Raises `Unreadable` for one that is none."""
    answer = _read(body)
    if answer.text is None:
        raise Unreadable("The answer holds no text.")
    tokens = [t for t in answer.words or () if t.type in {"word", "spacing"}]
    used = _used(answer.audio_duration_secs)
    return TranscriptionResult(
        text=answer.text,
        language=short_code(answer.language_code or ""),
        duration_s=float(answer.audio_duration_secs) if used else None,
        words=tuple(_spoken([token]) for token in tokens if token.type == "word"),
        segments=_segments(tokens),
        tokens=used,
    )


def _read(body: bytes) -> _Answer:
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("The answer is no transcription.") from error


def _used(seconds: Any) -> Tokens | None:
    """Return so many begun seconds; None for what is no length of a sound."""
    if type(seconds) not in (int, float) or not 0 < seconds <= _MAX_SECONDS:
        return None
    return Tokens(other={"second": math.ceil(seconds)})


def _segments(tokens: list[_Token]) -> tuple[SpokenWord, ...]:
    segments: list[SpokenWord] = []
    open_tokens: list[_Token] = []
    last: _Token | None = None
    for token in tokens:
        is_word = token.type == "word"
        if is_word and last is not None and _parts(open_tokens[0], last, token):
            segments.append(_spoken(open_tokens))
            open_tokens = []
        if is_word or open_tokens:
            open_tokens.append(token)
        last = token if is_word else last
    if open_tokens:
        segments.append(_spoken(open_tokens))
    return tuple(segments)


def _parts(first: _Token, last: _Token, token: _Token) -> bool:
    """Say whether a new segment begins between two words."""
    silence = (token.start or 0.0) - (last.end or 0.0)
    return (
        last.text.endswith(_SENTENCE_ENDS)
        or token.speaker_id != last.speaker_id
        or silence > _SILENCE_S
        or (token.end or 0.0) - (first.start or 0.0) > _MAX_SEGMENT_S
    )


def _spoken(tokens: list[_Token]) -> SpokenWord:
    words = [token for token in tokens if token.type == "word"]
    start = max(words[0].start or 0.0, 0.0)
    return SpokenWord(
        text="".join([token.text for token in tokens]).strip(),
        start_s=start,
        end_s=max(words[-1].end or 0.0, start),
        speaker=words[0].speaker_id or "",
    )
