"""What a form must be to be transcribed, and what serving it needs to know of it."""

import math

from gateway.audio_length import seconds_of
from gateway.body_fields import MAX_MODEL_LENGTH
from gateway.dialects.openai_chat import Malformed
from gateway.multipart import Part
from gateway.types import JSON

_TRUE, _FALSE = frozenset({"true", "1"}), frozenset({"false", "0", ""})
_TEXTS = ("model", "language", "prompt", "response_format", "temperature", "stream")

# A second of sound is about ten tokens, and a token four bytes of text.
_TEXT_BYTES_PER_SECOND = 40
_SOUND_PER_TEXT_BYTE = 400


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    sound = body.get("file")
    if type(sound) is not Part or not sound.data:
        msg = "'file' must be one file with the sound to transcribe."
        raise Malformed(msg, "file")
    for name in _TEXTS:
        if type(body.get(name, "")) is not str:
            raise Malformed(f"'{name}' must be one text.", name)
    if len(body.get("model", "")) > MAX_MODEL_LENGTH:
        msg = f"'model' must have at most {MAX_MODEL_LENGTH} characters."
        raise Malformed(msg, "model")
    if body.get("stream", "").lower() not in _TRUE | _FALSE:
        raise Malformed("'stream' must be true or false.", "stream")
    temperature_in(body)


def temperature_in(body: JSON) -> float | None:
    text = body.get("temperature") or ""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 2:
        raise Malformed("'temperature' must be a number from 0 to 2.", "temperature")
    return value


def max_output_tokens(body: JSON) -> int | None:
    """Return None: what is said is as long as it is."""
    return None


def wants_stream(body: JSON) -> bool:
    return body.get("stream", "").lower() in _TRUE


def wants_usage(body: JSON) -> bool:
    """Return True: the last event always says it."""
    return True


def units(body: JSON) -> dict[str, int]:
    """Return the begun seconds of the sound, where its container tells them."""
    seconds = seconds_of(body["file"].data)
    return {} if seconds is None else {"second": math.ceil(seconds)}


def size_as_text(body: JSON) -> int:
    """Return how many bytes of text are about as many tokens as the request."""
    sound = body["file"].data
    seconds = seconds_of(sound)
    heard = (
        len(sound) // _SOUND_PER_TEXT_BYTE
        if seconds is None
        else int(seconds * _TEXT_BYTES_PER_SECOND)
    )
    return heard + len(body.get("prompt", ""))
