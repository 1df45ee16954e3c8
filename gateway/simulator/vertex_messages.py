"""Anthropic's Messages as Google serves them: the model stands in the path."""

from gateway.simulator.anthropic_messages import AnthropicMessages
from gateway.simulator.checks import refuse
from gateway.simulator.types import JSON, Ask, Glance, Head

_VERSIONS = frozenset({"vertex-2023-10-16", "2026-10-21"})


class VertexMessages(AnthropicMessages):
    """The protocol `anthropic_messages`, with a version in the body and no model."""

    def __init__(self, head: Head, model: str, *, stream: bool = False) -> None:
        super().__init__(head)
        self.model = model
        self.stream = stream

    @classmethod
    def streaming(cls, head: Head, model: str) -> "VertexMessages":
        return cls(head, model, stream=True)

    def glance(self, body: JSON) -> Glance:
        return Glance(self.model, self.stream)

    def parse(self, body: JSON) -> Ask:
        if "model" in body:
            refuse("model: Extra inputs are not permitted")
        if body.get("anthropic_version") not in _VERSIONS:
            refuse("anthropic_version: Field required")
        if (body.get("stream") is True) is not self.stream:
            refuse("stream: Input should be true for streamRawPredict, and only there")
        rest = {name: v for name, v in body.items() if name != "anthropic_version"}
        return super().parse({**rest, "model": self.model})
