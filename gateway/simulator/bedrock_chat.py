"""Amazon Bedrock's Converse: requests in, answers and their frames out."""

from collections.abc import Iterator
from typing import Self

import orjson

from gateway.simulator.bedrock_frames import event
from gateway.simulator.bedrock_protocol import BedrockProtocol
from gateway.simulator.bedrock_request import parse
from gateway.simulator.bedrock_turns import SIGNER
from gateway.simulator.signatures import signature_of
from gateway.simulator.types import (
    JSON,
    Answer,
    Ask,
    Choice,
    Head,
    Stream,
    ToolCall,
    Usage,
)

_STOP_REASONS = {"tool_calls": "tool_use", "length": "max_tokens"}
_BLOCKED = "Sorry, the model cannot answer this question."
_ARGUMENT_PARTS = 3


class BedrockChat(BedrockProtocol):
    """The protocol `bedrock_converse`."""

    name = SIGNER

    @classmethod
    def streaming(cls, head: Head, model: str) -> Self:
        return cls(head, model, stream=True)

    def parse(self, body: JSON) -> Ask:
        ask = parse(body, self.model)
        ask.stream = self.stream
        return ask

    def build_body(self, answer: Answer) -> bytes:
        choice = _only(answer)
        message = {
            "role": "assistant",
            "content": [whole for whole, _, _ in _blocks(answer, choice)],
        }
        body: JSON = {
            "output": {"message": message},
            "stopReason": _stop_reason(answer, choice),
            **_usage(answer),
            "metrics": {"latencyMs": 1},
        }
        return orjson.dumps(body)

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        choice = _only(answer)
        events = [event("messageStart", {"role": "assistant"})]
        for index, (_, start, deltas) in enumerate(_blocks(answer, choice)):
            at: JSON = {"contentBlockIndex": index}
            if start is not None:
                events.append(event("contentBlockStart", {**at, "start": start}))
            events += [
                event("contentBlockDelta", {**at, "delta": delta}) for delta in deltas
            ]
            events.append(event("contentBlockStop", at))
        stop = event("messageStop", {"stopReason": _stop_reason(answer, choice)})
        tail = {**_usage(answer), "metrics": {"latencyMs": 1}}
        return Stream(events, [stop], [], [event("metadata", tail)])


def _only(answer: Answer) -> Choice:
    """Return the answer's words; those of the guardrail where it stepped in."""
    return answer.choices[0] if answer.choices else Choice([_BLOCKED])


def _stop_reason(answer: Answer, choice: Choice) -> str:
    if not answer.choices:
        return "guardrail_intervened"
    if choice.is_refusal:
        return "content_filtered"
    if choice.stopped_by is not None:
        return "stop_sequence"
    return _STOP_REASONS.get(choice.finish_reason, "end_turn")


def _blocks(
    answer: Answer, choice: Choice
) -> Iterator[tuple[JSON, JSON | None, list[JSON]]]:
    """Yield the blocks: each as it is, how it starts if it says so, and its deltas."""
    if choice.thoughts is not None:
        yield _thinking(answer, choice, choice.thoughts)
    if choice.pieces:
        deltas: list[JSON] = [{"text": piece} for piece in choice.pieces]
        yield {"text": "".join(choice.pieces)}, None, deltas
    for call in choice.tool_calls:
        yield _tool_use(call)


def _thinking(
    answer: Answer, choice: Choice, thoughts: list[str]
) -> tuple[JSON, None, list[JSON]]:
    thought = "".join(thoughts)
    said = "".join([*choice.pieces, *(call.arguments for call in choice.tool_calls)])
    signature = signature_of(SIGNER, answer.model, thought, said)
    deltas: list[JSON] = [{"reasoningContent": {"text": piece}} for piece in thoughts]
    deltas.append({"reasoningContent": {"signature": signature}})
    text = {"text": thought, "signature": signature}
    return {"reasoningContent": {"reasoningText": text}}, None, deltas


def _tool_use(call: ToolCall) -> tuple[JSON, JSON, list[JSON]]:
    head = {
        "toolUseId": f"tooluse_{call.id.removeprefix('call_')}",
        "name": call.name,
    }
    arguments: JSON = orjson.loads(call.arguments)
    parts: list[str] = []
    # A call without arguments says no more than that.
    if arguments:
        size = max(1, -(-len(call.arguments) // _ARGUMENT_PARTS))
        starts = range(0, len(call.arguments), size)
        parts = [call.arguments[at : at + size] for at in starts]
    deltas: list[JSON] = [{"toolUse": {"input": part}} for part in parts]
    return {"toolUse": {**head, "input": arguments}}, {"toolUse": head}, deltas


def _usage(answer: Answer) -> JSON:
    if (usage := answer.usage) is None:
        return {}
    return {"usage": _figures(usage)}


def _figures(usage: Usage) -> JSON:
    # What was read from a cache or written to one is not in inputTokens.
    apart = usage.cached_tokens + usage.cache_write_tokens
    if not 0 <= apart <= usage.prompt_tokens:
        apart = 0
    return {
        "inputTokens": usage.prompt_tokens - apart,
        "outputTokens": usage.completion_tokens,
        "totalTokens": usage.prompt_tokens + usage.completion_tokens,
        "cacheReadInputTokens": usage.cached_tokens,
        "cacheWriteInputTokens": usage.cache_write_tokens,
    }
