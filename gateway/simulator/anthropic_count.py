"""Anthropic's count of the tokens of a request."""

import orjson

from gateway.simulator.anthropic_messages import AnthropicMessages
from gateway.simulator.anthropic_request import parse_count
from gateway.simulator.types import JSON, Answer, Ask, Glance


class AnthropicCount(AnthropicMessages):
    """The protocol `anthropic_count`: free of charge."""

    name = "anthropic_count"

    def glance(self, body: JSON) -> Glance:
        return Glance(str(body.get("model")), stream=False, is_chat=False)

    def parse(self, body: JSON) -> Ask:
        return parse_count(body, self.head)

    def build_body(self, answer: Answer) -> bytes:
        tokens = answer.usage.prompt_tokens if answer.usage is not None else None
        return orjson.dumps({"input_tokens": tokens})
