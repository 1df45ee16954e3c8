"""A canonical request as a form."""

from gateway.multipart import Part, build_form
from gateway.operations import TranscriptionRequest
from gateway.types import Outgoing, Quirks

# What these formats hold is known without knowing when it was said.
_TIMELESS = frozenset({"json", "text"})


def build_request(
    request: TranscriptionRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[Outgoing, list[str]]:
    """Return what to send, and the names of what has no counterpart and was dropped.

    A prompt is none of the key terms that ElevenLabs takes, and charges for.
    """
    fields = {"model_id": model_id, "tag_audio_events": "false"}
    timeless = request.format in _TIMELESS and not request.timestamps
    if timeless and not request.diarize:
        fields["timestamps_granularity"] = "none"
    else:
        fields["timestamps_granularity"] = "word"
    if request.language:
        fields["language_code"] = request.language
    if request.temperature is not None:
        fields["temperature"] = f"{request.temperature:g}"
    if request.diarize:
        fields["diarize"] = "true"
    dropped = [*request.extra]
    if request.prompt:
        dropped.append("prompt")
    parts: list[Part] = []
    for name, value in fields.items():
        if name in quirks.drop_params:
            dropped.append(name)
        else:
            name = quirks.rename_params.get(name, name)
            parts.append(Part(name, value.encode()))
    parts.append(Part("file", request.audio, request.filename, request.media_type))
    body, content_type = build_form(parts)
    return Outgoing(body, content_type), dropped
