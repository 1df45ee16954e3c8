"""What OpenAI's operations besides conversations have in common."""

from typing import Any

from gateway.simulator.checks import refuse
from gateway.simulator.openai_chat import OpenAIChat
from gateway.simulator.types import JSON, Answer, Ask, Glance, Stream


class OpenAIOperation(OpenAIChat):
    """Keys and errors are those of chat; a stream is one event unless it says more."""

    def glance(self, body: JSON) -> Glance:
        return Glance(
            str(body.get("model")), stream=body.get("stream") is True, is_chat=False
        )

    def build_body(self, answer: Answer) -> bytes:
        raise NotImplementedError

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        return Stream([self.build_body(answer)], [], [], [])


def model_in(body: JSON) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        refuse("you must provide a model parameter")
    return model


def texts_in(value: Any, name: str) -> list[Any]:
    """Return what stands alone or in a list, which must not be empty."""
    if value is None:
        refuse(
            f"Missing required parameter: '{name}'.", name, "missing_required_parameter"
        )
    found = value if isinstance(value, list) else [value]
    if not found or "" in found:
        refuse(f"Invalid '{name}': input cannot be empty.", name, "invalid_value")
    return found
