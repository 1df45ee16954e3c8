"""How POST /v1/audio/speech and /v1/audio/transcriptions are described."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from gateway.openapi.headers import INFERENCE
from gateway.openapi.refusals import refusals

_STATUSES = (400, 401, 402, 403, 404, 409, 413, 422, 429, 500, 502, 503, 504)
_TEXT = {"type": "string"}
_BINARY = {"type": "string", "format": "binary"}
_MODEL = {
    "type": "string",
    "description": "An alias, `provider/model_id`, or a bare model id.",
    "example": "voice",
}
_SPEECH: dict[str, Any] = {
    "type": "object",
    "required": ["input"],
    "properties": {
        "model": _MODEL,
        "input": {"type": "string", "minLength": 1, "description": "What to say."},
        "voice": {
            "oneOf": [
                _TEXT,
                {
                    "type": "object",
                    "required": ["id"],
                    "properties": {"id": _TEXT},
                },
            ],
            "description": (
                "One of OpenAI's names, for which every provider has a voice, or the "
                "provider's own name or id."
            ),
            "example": "alloy",
        },
        "response_format": {
            "type": ["string", "null"],
            "default": "mp3",
            "description": "mp3, opus, aac, flac, wav or pcm.",
        },
        "speed": {"type": ["number", "null"], "description": "1 is normal."},
        "instructions": {"type": ["string", "null"]},
        "stream_format": {
            "enum": ["audio", "sse", None],
            "description": "`sse` answers with events instead of a sound.",
        },
    },
    "additionalProperties": True,
}
_SOUND_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["speech.audio.delta", "speech.audio.done"]},
        "audio": {"type": "string", "description": "Base64."},
        "usage": {"type": "object", "additionalProperties": True},
    },
}
_SOUNDS = ("mpeg", "ogg", "wav", "flac", "aac", "pcm")

speech_schema = extend_schema(
    operation_id="create_speech",
    summary="Say a text",
    description=(
        "Relayed where the target speaks this protocol, else translated. Metered by "
        "the tokens that the provider reports, else by the character. "
        "Also at `/openai/v1/audio/speech`."
    ),
    tags=["OpenAI"],
    parameters=INFERENCE,
    request={"application/json": _SPEECH},
    responses={
        **{
            (200, f"audio/{kind}"): OpenApiResponse(_BINARY, "The sound.")
            for kind in _SOUNDS
        },
        (200, "text/event-stream"): OpenApiResponse(_SOUND_EVENT, "Its pieces."),
        **refusals(*_STATUSES),
    },
    examples=[
        OpenApiExample(
            "Plain",
            {"model": "voice", "input": "Hello there.", "voice": "alloy"},
            request_only=True,
        )
    ],
)

_FORM: dict[str, Any] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {**_BINARY, "description": "The sound, in a common container."},
        "model": _MODEL,
        "language": {"type": "string", "description": "ISO 639-1."},
        "prompt": _TEXT,
        "response_format": {
            "type": "string",
            "default": "json",
            "description": "json, text, srt, vtt, verbose_json or diarized_json.",
        },
        "temperature": {"type": "number", "minimum": 0},
        "timestamp_granularities[]": {
            "type": "array",
            "items": {"enum": ["word", "segment"]},
        },
        "stream": {"type": "boolean", "default": False},
    },
    "additionalProperties": True,
}
_TRANSCRIPTION: dict[str, Any] = {
    "type": "object",
    "required": ["text"],
    "properties": {
        "text": _TEXT,
        "language": _TEXT,
        "duration": {"type": "number"},
        "words": {"type": "array", "items": {"type": "object"}},
        "segments": {"type": "array", "items": {"type": "object"}},
        "usage": {"type": "object", "additionalProperties": True},
    },
    "additionalProperties": True,
}
_TEXT_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["transcript.text.delta", "transcript.text.done"]},
        "delta": _TEXT,
        "text": _TEXT,
        "usage": {"type": "object", "additionalProperties": True},
    },
}

transcription_schema = extend_schema(
    operation_id="create_transcription",
    summary="Write down what was said",
    description=(
        "The form is relayed field by field where the target speaks this protocol, "
        "else translated. Metered by what the provider reports, else by the second. "
        "A target that cannot stream answers with one delta. "
        "Also at `/openai/v1/audio/transcriptions`."
    ),
    tags=["OpenAI"],
    parameters=INFERENCE,
    request={"multipart/form-data": _FORM},
    responses={
        (200, "application/json"): OpenApiResponse(_TRANSCRIPTION, "The text."),
        (200, "text/plain"): OpenApiResponse(_TEXT, "The text, or SubRip."),
        (200, "text/vtt"): OpenApiResponse(_TEXT, "WebVTT."),
        (200, "text/event-stream"): OpenApiResponse(
            _TEXT_EVENT, "The text as it comes."
        ),
        **refusals(*_STATUSES),
    },
)
