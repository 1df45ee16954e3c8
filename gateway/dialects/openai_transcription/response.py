"""A canonical result in the format that the client wants."""

import msgspec
import orjson

from gateway.dialects.openai_transcription.subtitles import srt, vtt
from gateway.operations import SpokenWord, TranscriptionRequest, TranscriptionResult
from gateway.types import JSON, UpstreamReply

_TEXT_TYPE = b"text/plain; charset=utf-8"
_VTT_TYPE = b"text/vtt; charset=utf-8"


def build_reply(
    reply: UpstreamReply,
    request: TranscriptionRequest,
    result: TranscriptionResult,
    answer_id: str,
    created: int,
    model: str,
) -> UpstreamReply:
    match request.format:
        case "text":
            text, kind = f"{result.text}\n", _TEXT_TYPE
        case "srt":
            text, kind = srt(result), _TEXT_TYPE
        case "vtt":
            text, kind = vtt(result), _VTT_TYPE
        case "verbose_json":
            return _with_json(reply, _verbose(request, result))
        case "diarized_json":
            return _with_json(reply, _diarized(result))
        case _:
            return _with_json(reply, {"text": result.text, **usage_of(result)})
    body = text.encode("utf-8", "replace")
    return msgspec.structs.replace(reply, body=body, content_type=kind)


def usage_of(result: TranscriptionResult) -> JSON:
    """Return what was used, in a member of its own; nothing when that is unknown."""
    tokens = result.tokens
    if tokens is None:
        return {}
    if "second" in tokens.other:
        return {"usage": {"type": "duration", "seconds": tokens.other["second"]}}
    heard = tokens.other.get("audio_in", 0)
    usage = {
        "type": "tokens",
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "total_tokens": tokens.input + tokens.output,
        "input_token_details": {
            "audio_tokens": heard,
            "text_tokens": tokens.input - heard,
        },
    }
    return {"usage": usage}


def _with_json(reply: UpstreamReply, body: JSON) -> UpstreamReply:
    return msgspec.structs.replace(reply, body=orjson.dumps(body), content_type=b"")


def _verbose(request: TranscriptionRequest, result: TranscriptionResult) -> JSON:
    """Return the detailed format; segments unless words alone are wanted."""
    body: JSON = {
        "task": "transcribe",
        "language": result.language,
        "duration": _duration(result),
        "text": result.text,
    }
    if "word" in request.timestamps:
        body["words"] = [
            {"word": word.text, "start": word.start_s, "end": word.end_s}
            for word in result.words
        ]
    if "segment" in request.timestamps or not request.timestamps:
        body["segments"] = [
            _segment(number, segment, request.temperature or 0.0)
            for number, segment in enumerate(result.segments)
        ]
    return {**body, **usage_of(result)}


def _segment(number: int, segment: SpokenWord, temperature: float) -> JSON:
    """Return a segment; what only Whisper could measure is said to be in order."""
    return {
        "id": number,
        "seek": 0,
        "start": segment.start_s,
        "end": segment.end_s,
        "text": segment.text,
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": 0.0,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }


def _diarized(result: TranscriptionResult) -> JSON:
    """Return the segments with their speakers: A, B and so on, as they first speak."""
    names: dict[str, str] = {}
    segments: list[JSON] = []
    for number, segment in enumerate(result.segments):
        name = names.setdefault(segment.speaker, _letter(len(names)))
        segments.append(
            {
                "id": f"seg_{number}",
                "type": "transcript.text.segment",
                "speaker": name,
                "start": segment.start_s,
                "end": segment.end_s,
                "text": segment.text,
            }
        )
    return {
        "task": "transcribe",
        "duration": _duration(result),
        "text": result.text,
        "segments": segments,
        **usage_of(result),
    }


def _letter(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"S{number + 1}"


def _duration(result: TranscriptionResult) -> float:
    if result.duration_s is not None:
        return result.duration_s
    return max((each.end_s for each in (*result.segments, *result.words)), default=0.0)
