"""A transcription as a canonical result."""

from typing import Any

from gateway.adapters.openai_chat import Unreadable
from gateway.adapters.openai_transcription.relay import check_text, tree_of
from gateway.adapters.openai_transcription.usage import seconds_used, tokens_of
from gateway.operations import SpokenWord, TranscriptionResult


def parse_result(body: bytes) -> TranscriptionResult:
    """Read an answer in any of its formats. Raises `Unreadable` for one that is none."""
    tree = tree_of(body)
    if tree is None:
        check_text(body)
        return TranscriptionResult(text=body.decode().strip())
    text = tree.get("text")
    if type(text) is not str:
        raise Unreadable("The answer holds no text.")
    language, duration = tree.get("language"), tree.get("duration")
    return TranscriptionResult(
        text=text,
        language=language if isinstance(language, str) else "",
        duration_s=_seconds(duration),
        words=_spoken(tree.get("words"), "word"),
        segments=_spoken(tree.get("segments"), "text"),
        tokens=tokens_of(tree.get("usage")) or seconds_used(duration),
    )


def _spoken(told: Any, name: str) -> tuple[SpokenWord, ...]:
    """Return the words or segments that say when they were said."""
    found: list[SpokenWord] = []
    for each in told if isinstance(told, list) else ():
        text = each.get(name) if type(each) is dict else None
        if type(text) is not str:
            continue
        start, end = _seconds(each.get("start")), _seconds(each.get("end"))
        speaker = each.get("speaker")
        if start is not None and end is not None:
            speaker = speaker if isinstance(speaker, str) else ""
            found.append(SpokenWord(text, start, max(start, end), speaker))
    return tuple(found)


def _seconds(value: Any) -> float | None:
    if type(value) not in (int, float) or not 0 <= value < 1e9:
        return None
    return float(value)
