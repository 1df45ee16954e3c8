"""OpenAI's images: every picture is the same dot."""

import orjson

from gateway.simulator.checks import refuse, whole_number
from gateway.simulator.openai_operations import OpenAIOperation, model_in, texts_in
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask, Head, Stream, Usage

_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
_MOST_PICTURES = 10
_MOST_SKETCHES = 3
_MOST_CHARACTERS = 32_000


class OpenAIImages(OpenAIOperation):
    """The protocol `openai_images`; a picture has as many tokens as an answer would."""

    name = "openai_images"

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.sketches = 0

    def parse(self, body: JSON) -> Ask:
        model = model_in(body)
        (prompt,) = texts_in(body.get("prompt"), "prompt")
        if not isinstance(prompt, str) or len(prompt) > _MOST_CHARACTERS:
            refuse("Invalid 'prompt'.", "prompt", "string_above_max_length")
        count = body.get("n") or 1
        if not whole_number(count) or not 1 <= count <= _MOST_PICTURES:
            refuse("Invalid 'n': must be from 1 to 10.", "n", "invalid_value")
        sketches = body.get("partial_images") or 0
        if not whole_number(sketches) or not 0 <= sketches <= _MOST_SKETCHES:
            refuse("Invalid 'partial_images'.", "partial_images", "invalid_value")
        self.sketches = sketches
        return Ask(
            model,
            prompt,
            tokens_in(prompt),
            last_user_text=prompt,
            choices=count,
            stream=body.get("stream") is True,
        )

    def build_body(self, answer: Answer) -> bytes:
        body: JSON = {
            "created": answer.created,
            "data": [{"b64_json": _DOT} for _ in answer.choices],
            "output_format": "png",
            "quality": "low",
            "size": "1024x1024",
        }
        if answer.usage is not None:
            body["usage"] = _usage(answer.usage)
        return orjson.dumps(body)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        sketches = [
            _event(
                "image_generation.partial_image",
                {"partial_image_index": number, "b64_json": _DOT},
            )
            for number in range(self.sketches)
        ]
        told: JSON = {"b64_json": _DOT, "created_at": answer.created}
        if answer.usage is not None:
            told["usage"] = _usage(answer.usage)
        finished = _event("image_generation.completed", told)
        return Stream(sketches, [finished], [], [])


def _usage(usage: Usage) -> JSON:
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "text_tokens": usage.prompt_tokens,
            "image_tokens": 0,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {
            "text_tokens": 0,
            "image_tokens": usage.completion_tokens,
        },
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _event(name: str, data: JSON) -> bytes:
    told = {"type": name, **data}
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(told) + b"\n\n"
