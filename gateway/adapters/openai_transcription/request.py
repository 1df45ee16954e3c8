"""A canonical request as a form."""

from gateway.multipart import Part, build_form
from gateway.operations import TranscriptionRequest
from gateway.types import Outgoing, Quirks

# What the formats that the gateway builds are built of.
_DETAILED = frozenset({"srt", "vtt", "verbose_json"})


def build_request(
    request: TranscriptionRequest,
    model_id: str,
    quirks: Quirks,
    max_output_tokens: int | None,
) -> tuple[Outgoing, list[str]]:
    """Return what to send, and the names of what has no counterpart and was dropped."""
    fields: list[tuple[str, str]] = []
    if request.language:
        fields.append(("language", request.language))
    if request.prompt:
        fields.append(("prompt", request.prompt))
    if request.temperature is not None:
        fields.append(("temperature", f"{request.temperature:g}"))
    wanted = "json"
    if request.diarize:
        wanted = "diarized_json"
        fields.append(("chunking_strategy", "auto"))
    elif request.format in _DETAILED or request.timestamps:
        wanted = "verbose_json"
    fields.append(("response_format", wanted))
    fields += [("timestamp_granularities[]", each) for each in request.timestamps]
    dropped = [*request.extra]
    parts = [Part("model", model_id.encode())]
    for name, value in fields:
        plain = name.removesuffix("[]")
        if plain in quirks.drop_params:
            dropped.append(plain)
        else:
            parts.append(Part(quirks.rename_params.get(plain, name), value.encode()))
    parts.append(Part("file", request.audio, request.filename, request.media_type))
    body, content_type = build_form(parts)
    return Outgoing(body, content_type), [*dict.fromkeys(dropped)]
