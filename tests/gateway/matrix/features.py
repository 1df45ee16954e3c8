"""What is asked in every cell of the matrix, and what must come of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from gateway.simulator import Simulator
from tests.gateway.matrix.asking import Asked, Client, Said
from tests.gateway.matrix.providers import ERROR_DURING, reasoning_model, slug_of

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9"
    "awAAAABJRU5ErkJggg=="
)
# Where a provider's proof of its model's reasoning stands in a request.
PROOFS = {
    "openai_responses": '"encrypted_content": "',
    "anthropic_messages": '"signature": "',
    "gemini_generate": '"thoughtSignature": "',
    "bedrock_converse": '"signature": "',
}
# What the simulator's thoughts are counted as.
THINKING = 64
_UNPROVEN = "skip_thought_signature_validator"


@dataclass
class Cell:
    """One client, one protocol of a provider, plain or streamed."""

    client: Client
    protocol: str
    stream: bool
    upstream: Simulator

    def asked(self, *turns: str, model: str = "sim-chat") -> Asked:
        return Asked(f"{slug_of(self.protocol)}/{model}", turns, stream=self.stream)

    def ask(self, asked: Asked) -> Said:
        said = self.client.ask(asked)
        if self.stream and said.text:
            assert said.pieces > 1, "the stream came in one piece"
        return said

    def sent(self) -> str:
        """Return the body of the last request that the provider got, as JSON."""
        return json.dumps(self.upstream.calls[-1].body)


def text(cell: Cell) -> None:
    said = cell.ask(cell.asked("Hello there"))

    assert "You wrote: Hello there" in said.text


def usage(cell: Cell) -> None:
    said = cell.ask(cell.asked("Hello there"))

    (call,) = cell.upstream.calls
    counted = (call.prompt_tokens, call.completion_tokens)
    assert (said.input_tokens, said.output_tokens) == counted


def conversation(cell: Cell) -> None:
    asked = cell.asked("Hello", "Hi yourself!", "And now?")

    said = cell.ask(replace(asked, system="Be brief."))

    assert "You wrote: And now?" in said.text
    for words in ("Be brief.", "Hello", "Hi yourself!"):
        assert words in cell.sent()


def tools(cell: Cell) -> None:
    asked = replace(cell.asked("Please call a tool"), tools=True)
    first = cell.ask(asked)
    [call] = first.calls
    assert (call.name, list(call.arguments)) == ("weather", ["place"])

    second = cell.ask(replace(asked, earlier=first, results=("sunny in Oslo",)))

    assert "The tool said: sunny in Oslo" in second.text


def parallel_tools(cell: Cell) -> None:
    asked = replace(cell.asked("Please call two tools"), tools=True)
    first = cell.ask(asked)
    assert [call.name for call in first.calls] == ["weather", "clock"]
    assert all(isinstance(call.arguments["place"], str) for call in first.calls)
    assert len({call.id for call in first.calls}) == 2

    second = cell.ask(replace(asked, earlier=first, results=("sunny", "noon")))

    assert "The tool said: noon" in second.text
    assert "sunny" in cell.sent()


def image(cell: Cell) -> None:
    asked = cell.asked("What is this?", model="sim-vision")

    said = cell.ask(replace(asked, image=PIXEL))

    assert "I see 1 image(s)" in said.text


def image_address(cell: Cell) -> None:
    asked = cell.asked("What is this?", model="sim-vision")
    address = "https://pictures.example/one.png"

    said = cell.ask(replace(asked, image=address))

    assert "I see 1 image(s)" in said.text
    assert address in cell.sent()


def json_schema(cell: Cell) -> None:
    said = cell.ask(replace(cell.asked("Where?"), schema=True))

    answer = json.loads(said.text)
    assert list(answer) == ["place"]
    assert isinstance(answer["place"], str)


def reasoning(cell: Cell) -> None:
    """A model thinks, calls a tool, and goes on when it is told the result."""
    _, second = _thinking(cell)

    assert "The tool said: sunny in Oslo" in second.text
    assert cell.upstream.calls[0].completion_tokens > THINKING


def thoughts(cell: Cell) -> None:
    first, _ = _thinking(cell)

    assert "The request is about" in first.thoughts


def signature(cell: Cell) -> None:
    _thinking(cell)

    assert cell.protocol in PROOFS
    assert PROOFS[cell.protocol] in cell.sent()
    assert _UNPROVEN not in cell.sent()


def _thinking(cell: Cell) -> tuple[Said, Said]:
    model = reasoning_model(cell.protocol)
    asked = cell.asked("Please call a tool", model=model)
    asked = replace(asked, tools=True, thinks=True)
    first = cell.ask(asked)
    return first, cell.ask(replace(asked, earlier=first, results=("sunny in Oslo",)))


def error_before(cell: Cell) -> None:
    """The caller's mistake and a wait are passed on; a failure is one of the provider."""
    for fault, status in (("400", 400), ("429-retry-after", 429), ("500", 502)):
        with pytest.raises(cell.client.failure) as raised:
            cell.client.ask(cell.asked("Hello", model=f"sim-fault-{fault}"))
        assert cell.client.status_of(raised.value) == status


def error_during(cell: Cell) -> None:
    """What came before it arrives, and what is missing is never taken for an end."""
    for model in ERROR_DURING:
        with pytest.raises(cell.client.failure):
            cell.client.ask(cell.asked("Hello there", model=model))
        assert cell.client.heard


FEATURES: dict[str, Callable[[Cell], None]] = {
    "text": text,
    "usage": usage,
    "conversation": conversation,
    "tools": tools,
    "parallel tools": parallel_tools,
    "image": image,
    "image by address": image_address,
    "JSON schema": json_schema,
    "reasoning": reasoning,
    "thoughts": thoughts,
    "signature": signature,
    "error before": error_before,
    "error during": error_during,
}
STREAMED_ALONE = frozenset({"error during"})
