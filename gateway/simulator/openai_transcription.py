"""OpenAI's transcriptions: the text is an answer about the file."""

import math

import orjson

from gateway.simulator.checks import names_in, refuse
from gateway.simulator.exchange import JSON_TYPE
from gateway.simulator.forms import read_form
from gateway.simulator.heard import described, text_of, words_of
from gateway.simulator.openai_operations import OpenAIOperation, model_in
from gateway.simulator.sounds import length_of
from gateway.simulator.types import JSON, Answer, Ask, Glance, Head, Stream, Usage

_FIELDS = names_in(
    "file model language languages prompt keywords response_format temperature "
    "timestamp_granularities include chunking_strategy stream known_speaker_names "
    "known_speaker_references"
)
_FORMATS = names_in("json text srt verbose_json vtt diarized_json")
_TOKENS_PER_S = 10
_TEXT_TYPE = b"text/plain; charset=utf-8"


class OpenAITranscription(OpenAIOperation):
    """The protocol `openai_transcription`.

    Models named `whisper…` are billed by the second and cannot stream, those named
    `gpt-4o…` answer with JSON alone.
    """

    name = "openai_transcription"

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.format = "json"
        self.seconds = 0.0
        self.by_second = False
        self.granularities = ["segment"]

    @property
    def body_type(self) -> bytes:
        return JSON_TYPE if self.format.endswith("json") else _TEXT_TYPE

    def read(self, raw: bytes) -> JSON | None:
        return read_form(raw, self.head.header(b"content-type"))

    def glance(self, body: JSON) -> Glance:
        model = str(body.get("model"))
        return Glance(model, stream=_wants_stream(body, model), is_chat=False)

    def parse(self, body: JSON) -> Ask:
        for name in body:
            if name not in _FIELDS:
                refuse(f"Unrecognized request argument supplied: {name}", name)
        model, upload = model_in(body), body.get("file")
        if not isinstance(upload, dict):
            refuse("'file' is a required property", "file")
        self.by_second = model.startswith("whisper")
        wanted = body.get("response_format", "json")
        if wanted not in _FORMATS or (
            model.startswith("gpt-4o") and wanted != "json" and "diarize" not in model
        ):
            refuse(
                f"response_format '{wanted}' is not compatible with model '{model}'. "
                "Use 'json' instead.",
                "response_format",
                "unsupported_value",
            )
        self.format = wanted
        if "timestamp_granularities" in body:
            self.granularities = body["timestamp_granularities"]
            if wanted != "verbose_json":
                refuse(
                    "timestamp_granularities needs response_format 'verbose_json'",
                    "timestamp_granularities",
                )
        self.seconds = length_of(upload["data"])
        prompt = described(upload, self.seconds)
        return Ask(
            model,
            prompt,
            math.ceil(self.seconds * _TOKENS_PER_S),
            stream=_wants_stream(body, model),
            last_user_text=prompt,
        )

    def build_body(self, answer: Answer) -> bytes:
        text = text_of(answer)
        match self.format:
            case "text":
                return f"{text}\n".encode()
            case "srt":
                return f"1\n{self._span(',')}\n{text}\n\n\n".encode()
            case "vtt":
                return f"WEBVTT\n\n{self._span('.')}\n{text}\n\n".encode()
        body: JSON = {"text": text}
        if self.format == "verbose_json":
            body = self._verbose(answer, text)
        elif self.format == "diarized_json":
            body = self._diarized(text)
        if answer.usage is not None:
            body["usage"] = self._usage(answer.usage)
        return orjson.dumps(body)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        events = [
            _event({"type": "transcript.text.delta", "delta": piece})
            for choice in answer.choices
            for piece in choice.pieces
        ]
        done: JSON = {"type": "transcript.text.done", "text": text_of(answer)}
        if answer.usage is not None:
            done["usage"] = self._usage(answer.usage)
        return Stream(events, [], [], [_event(done)])

    def _verbose(self, answer: Answer, text: str) -> JSON:
        body: JSON = {
            "task": "transcribe",
            "language": "english",
            "duration": self.seconds,
            "text": text,
        }
        if "word" in self.granularities:
            body["words"] = [
                {"word": word, "start": start, "end": end}
                for word, start, end in words_of(answer, self.seconds)
            ]
        if "segment" in self.granularities:
            body["segments"] = [
                {
                    "id": 0,
                    "seek": 0,
                    "start": 0.0,
                    "end": self.seconds,
                    "text": f" {text}",
                    "tokens": [50364],
                    "temperature": 0.0,
                    "avg_logprob": -0.2,
                    "compression_ratio": 1.2,
                    "no_speech_prob": 0.01,
                }
            ]
        return body

    def _diarized(self, text: str) -> JSON:
        segment = {
            "type": "transcript.text.segment",
            "id": "seg_0",
            "speaker": "A",
            "start": 0.0,
            "end": self.seconds,
            "text": text,
        }
        return {
            "task": "transcribe",
            "duration": self.seconds,
            "text": text,
            "segments": [segment],
        }

    def _usage(self, usage: Usage) -> JSON:
        if self.by_second:
            return {"type": "duration", "seconds": math.ceil(self.seconds)}
        spent, made = usage.prompt_tokens, usage.completion_tokens
        return {
            "type": "tokens",
            "input_tokens": spent,
            "input_token_details": {"audio_tokens": spent, "text_tokens": 0},
            "output_tokens": made,
            "total_tokens": spent + made,
        }

    def _span(self, point: str) -> str:
        seconds, milliseconds = divmod(round(self.seconds * 1000), 1000)
        return f"00:00:00{point}000 --> 00:00:{seconds:02}{point}{milliseconds:03}"


def _wants_stream(body: JSON, model: str) -> bool:
    return body.get("stream") == "true" and not model.startswith("whisper")


def _event(data: JSON) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"
