"""What was said, and when, as SubRip and WebVTT."""

from collections.abc import Sequence

from gateway.operations import SpokenWord, TranscriptionResult

# Of a subtitle whose moment nobody told.
_SHORTEST_S = 0.001


def srt(result: TranscriptionResult) -> str:
    cues = [
        f"{number}\n{_time(cue.start_s, ',')} --> {_time(cue.end_s, ',')}\n{cue.text}\n\n"
        for number, cue in enumerate(_cues(result), start=1)
    ]
    return "".join(cues)


def vtt(result: TranscriptionResult) -> str:
    cues = [
        f"{_time(cue.start_s, '.')} --> {_time(cue.end_s, '.')}\n{_shown(cue.text)}\n\n"
        for cue in _cues(result)
    ]
    return "WEBVTT\n\n" + "".join(cues)


def _cues(result: TranscriptionResult) -> Sequence[SpokenWord]:
    """Return the segments; the whole text is one where there are none."""
    if result.segments or not result.text:
        return result.segments
    return (SpokenWord(result.text, 0.0, result.duration_s or _SHORTEST_S),)


def _time(seconds: float, point: str) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}"
        f"{point}{milliseconds % 1000:03}"
    )


def _shown(text: str) -> str:
    """Return a text that holds neither markup nor an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
