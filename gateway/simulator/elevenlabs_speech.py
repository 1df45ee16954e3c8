"""ElevenLabs's text to speech, whole and streamed; both are the sound itself."""

import re

from gateway.simulator.elevenlabs import VOICES, ElevenLabs, missing
from gateway.simulator.heard import refused
from gateway.simulator.sounds import seconds_for, sound
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask, Glance, Head, Stream

_DEFAULT_MODEL = "eleven_multilingual_v2"
_FORMAT = re.compile(
    r"(mp3)_(?:22050_32|24000_48|44100_(?:32|64|96|128|192))"
    r"|(opus)_48000_(?:32|64|96|128|192)"
    r"|(pcm|wav)_(?:8000|16000|22050|24000|32000|44100|48000)"
    r"|(ulaw|alaw)_8000"
)
_OWN_VOICE = re.compile(r"[A-Za-z0-9]{20}")
_TYPES = {
    "mp3": b"audio/mpeg",
    "opus": b"audio/ogg",
    "pcm": b"audio/pcm",
    "wav": b"audio/wav",
}
_MOST_CHARACTERS = 40_000
_SHORTER = {"eleven_v3": 5_000, "eleven_multilingual_v2": 10_000}
_PIECES = 4


class ElevenLabsSpeech(ElevenLabs):
    """The protocol `elevenlabs_speech`; voices of one's own have ids of 20 letters."""

    name = "elevenlabs_speech"

    def __init__(self, head: Head, voice: str, *, stream: bool = False) -> None:
        super().__init__(head)
        self.voice = voice
        self.stream = stream
        self.format = "mp3"
        self.seconds = 0.1

    @classmethod
    def streaming(cls, head: Head, voice: str) -> "ElevenLabsSpeech":
        return cls(head, voice, stream=True)

    @property
    def body_type(self) -> bytes:
        return _TYPES.get(self.format, b"audio/basic")

    def glance(self, body: JSON) -> Glance:
        model = str(body.get("model_id", _DEFAULT_MODEL))
        return Glance(model, stream=self.stream, is_chat=False)

    def parse(self, body: JSON) -> Ask:
        text, model = body.get("text"), body.get("model_id", _DEFAULT_MODEL)
        if not isinstance(text, str):
            raise missing("text")
        if self.voice not in VOICES and not _OWN_VOICE.fullmatch(self.voice):
            message = f"A voice with the voice_id {self.voice} was not found."
            raise refused(404, "voice_not_found", message)
        wanted = self.head.parameter("output_format") or "mp3_44100_128"
        found = _FORMAT.fullmatch(wanted)
        if found is None:
            message = f"Invalid output format: {wanted}"
            raise refused(400, "invalid_output_format", message)
        self.format = found[found.lastindex or 0]
        self.stream_headers = ((b"content-type", self.body_type),)
        most = _SHORTER.get(model, _MOST_CHARACTERS)
        if len(text) > most:
            message = f"Text is longer than the {most} characters that {model} takes."
            raise refused(400, "context", message)
        settings = body.get("voice_settings") or {}
        if not 0.7 <= settings.get("speed", 1.0) <= 1.2:
            message = "Speed must be from 0.7 to 1.2."
            raise refused(400, "invalid_voice_settings", message)
        self.seconds = seconds_for(text)
        return Ask(model, text, tokens_in(text), stream=self.stream)

    def build_body(self, answer: Answer) -> bytes:
        return sound(self.format, self.seconds)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        whole = self.build_body(answer)
        size = -(-len(whole) // _PIECES)
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        return Stream(pieces, [], [], [])
