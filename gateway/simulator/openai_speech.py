"""OpenAI's speech: every text is the same tone, as long as it takes to say it."""

import base64
from typing import Any

import orjson

from gateway.simulator.checks import names_in, refuse
from gateway.simulator.openai_operations import OpenAIOperation, model_in
from gateway.simulator.sounds import seconds_for, sound
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask, Glance, Head, Stream

VOICES = names_in(
    "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse"
)
_FIELDS = names_in("model input voice instructions response_format speed stream_format")
_TYPES = {
    "mp3": b"audio/mpeg",
    "opus": b"audio/ogg",
    "aac": b"audio/aac",
    "flac": b"audio/flac",
    "wav": b"audio/wav",
    "pcm": b"audio/pcm",
}
_MOST_CHARACTERS = 4096
_PIECES = 4


class OpenAISpeech(OpenAIOperation):
    """The protocol `openai_speech`; models named `tts-1…` know no events."""

    name = "openai_speech"

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.format = "mp3"
        self.seconds = 0.1

    @property
    def body_type(self) -> bytes:
        return _TYPES[self.format]

    def glance(self, body: JSON) -> Glance:
        is_stream = body.get("stream_format") == "sse"
        return Glance(str(body.get("model")), stream=is_stream, is_chat=False)

    def parse(self, body: JSON) -> Ask:
        for name in body:
            if name not in _FIELDS:
                refuse(f"Unrecognized request argument supplied: {name}", name)
        model, text = model_in(body), body.get("input")
        if not isinstance(text, str) or not text:
            refuse("Input should be a non-empty string", "input")
        if len(text) > _MOST_CHARACTERS:
            refuse(
                "[{'type': 'string_too_long', 'loc': ('body', 'input'), 'msg': "
                "'String should have at most 4096 characters'}]",
                "input",
                "string_above_max_length",
            )
        _check_voice(body.get("voice"))
        self.format = body.get("response_format", "mp3")
        if self.format not in _TYPES:
            wanted = self.format
            self.format = "mp3"
            refuse(f"Invalid response_format: {wanted!r}", "response_format")
        if not 0.25 <= body.get("speed", 1.0) <= 4:
            refuse("Input should be from 0.25 to 4", "speed")
        stream = body.get("stream_format") == "sse"
        if stream and model.startswith("tts-1"):
            refuse(f"stream_format 'sse' is not supported for {model}", "stream_format")
        self.seconds = seconds_for(text)
        return Ask(model, text, tokens_in(text), stream=stream, last_user_text=text)

    def build_body(self, answer: Answer) -> bytes:
        return sound(self.format, self.seconds)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        whole = sound(self.format, self.seconds)
        size = -(-len(whole) // _PIECES)
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        events = [
            _event(
                {
                    "type": "speech.audio.delta",
                    "audio": base64.b64encode(piece).decode(),
                }
            )
            for piece in pieces
        ]
        done: JSON = {"type": "speech.audio.done"}
        if answer.usage is not None:
            spent, made = answer.usage.prompt_tokens, answer.usage.completion_tokens
            done["usage"] = {
                "input_tokens": spent,
                "output_tokens": made,
                "total_tokens": spent + made,
            }
        return Stream(events, [], [], [_event(done)])


def _check_voice(voice: Any) -> None:
    if isinstance(voice, dict) and isinstance(voice.get("id"), str):
        return
    if voice not in VOICES:
        known = ", ".join(f"'{name}'" for name in sorted(VOICES))
        refuse(f"Input should be one of {known}", "voice")


def _event(data: JSON) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"
