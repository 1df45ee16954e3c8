"""ElevenLabs's speech to text."""

import math

import orjson

from gateway.simulator.elevenlabs import ElevenLabs, missing
from gateway.simulator.forms import read_form
from gateway.simulator.heard import described, refused, text_of, words_of
from gateway.simulator.sounds import length_of
from gateway.simulator.types import JSON, Answer, Ask, Head

_GRANULARITIES = frozenset({"none", "word", "character"})
_TOKENS_PER_S = 10
_WORDS_PER_SPEAKER = 10


class ElevenLabsTranscription(ElevenLabs):
    """The protocol `elevenlabs_transcription`; a second speaker takes turns."""

    name = "elevenlabs_transcription"

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.seconds = 0.0
        self.granularity = "word"
        self.speakers = 0

    def read(self, raw: bytes) -> JSON | None:
        return read_form(raw, self.head.header(b"content-type"))

    def parse(self, body: JSON) -> Ask:
        model, upload = body.get("model_id"), body.get("file")
        if not isinstance(model, str):
            raise missing("model_id")
        if not isinstance(upload, dict):
            message = "Must provide either file or source_url."
            raise refused(400, "invalid_parameters", message)
        self.granularity = body.get("timestamps_granularity", "word")
        if self.granularity not in _GRANULARITIES:
            message = "timestamps_granularity must be none, word or character."
            raise refused(400, "invalid_parameters", message)
        if not 0 <= float(body.get("temperature", 0)) <= 2:
            message = "temperature must be from 0 to 2."
            raise refused(400, "invalid_parameters", message)
        self.speakers = 2 if body.get("diarize") == "true" else 0
        self.seconds = length_of(upload["data"])
        prompt = described(upload, self.seconds)
        tokens = math.ceil(self.seconds * _TOKENS_PER_S)
        return Ask(model, prompt, tokens, last_user_text=prompt)

    def build_body(self, answer: Answer) -> bytes:
        body: JSON = {
            "language_code": "eng",
            "language_probability": 0.98,
            "text": text_of(answer),
            "words": self._words(answer),
            "transcription_id": answer.id,
        }
        if answer.usage is not None:
            body["audio_duration_secs"] = self.seconds
        return orjson.dumps(body)

    def _words(self, answer: Answer) -> list[JSON]:
        if self.granularity == "none":
            return []
        words: list[JSON] = []
        for number, (text, start, end) in enumerate(words_of(answer, self.seconds)):
            if words:
                gap = {"start": words[-1]["end"], "end": start}
                words.append({"text": " ", "type": "spacing", "logprob": 0.0, **gap})
            word = {"text": text, "type": "word", "logprob": -0.1}
            if self.speakers:
                turn = number // _WORDS_PER_SPEAKER % self.speakers
                word["speaker_id"] = f"speaker_{turn}"
            words.append({**word, "start": start, "end": end})
        return words
