"""OpenAI's moderation: a text is flagged for the categories whose names it holds."""

from typing import Any

import orjson

from gateway.simulator.checks import refuse
from gateway.simulator.openai_operations import OpenAIOperation, model_in, texts_in
from gateway.simulator.transcript import tokens_in
from gateway.simulator.types import JSON, Answer, Ask, Head

_CATEGORIES = (  # noqa: SIM905
    "harassment harassment/threatening hate hate/threatening illicit illicit/violent "
    "self-harm self-harm/intent self-harm/instructions sexual sexual/minors violence "
    "violence/graphic"
).split()


class OpenAIModeration(OpenAIOperation):
    """The protocol `openai_moderation`: free of charge."""

    name = "openai_moderation"

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.texts: list[str] = []

    def parse(self, body: JSON) -> Ask:
        model = model_in(body)
        inputs = texts_in(body.get("input"), "input")
        if all(isinstance(each, str) for each in inputs):
            self.texts = inputs
        else:
            self.texts = [" ".join(_text(part) for part in inputs)]
        tokens = sum(map(tokens_in, self.texts))
        return Ask(model, "\n".join(self.texts), tokens, is_free=True)

    def build_body(self, answer: Answer) -> bytes:
        return orjson.dumps(
            {
                "id": f"modr-{answer.id}",
                "model": answer.model,
                "results": [_result(text.lower()) for text in self.texts],
            }
        )


def _text(part: Any) -> str:
    match part:
        case {"type": "text", "text": str(text)}:
            pass
        case {"type": "image_url", "image_url": {"url": str()}}:
            text = ""
        case _:
            refuse("Invalid type for 'input'.", "input", "invalid_type")
    return text


def _result(text: str) -> JSON:
    found = {name: name in text for name in _CATEGORIES}
    return {
        "flagged": any(found.values()),
        "categories": found,
        "category_scores": {name: 0.9 if found[name] else 0.01 for name in found},
        "category_applied_input_types": {name: ["text"] for name in found},
    }
