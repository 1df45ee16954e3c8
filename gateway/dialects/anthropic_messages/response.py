"""Whole answers."""

import orjson

from gateway.canonical import ChatResult, Choice, Citation, Refusal
from gateway.dialects.anthropic_messages.blocks import (
    build_block,
    build_citation,
    message_id,
)
from gateway.dialects.anthropic_messages.finish import build_finish
from gateway.dialects.anthropic_messages.usage import build_usage
from gateway.types import JSON
from usage.tokens import Tokens, estimate_tokens


def build_response(
    result: ChatResult, answer_id: str, created: int, model: str
) -> bytes:
    """Return the answer as a message. Of several choices the first is taken."""
    choice = result.choices[0] if result.choices else Choice((), "stop")
    blocks = [
        block
        for number, part in enumerate(choice.parts)
        if (block := build_block(part, answer_id, number)) is not None
    ]
    _cite(blocks, result.citations)
    refusal = "".join(part.text for part in choice.parts if isinstance(part, Refusal))
    guess = Tokens(output=estimate_tokens(len(orjson.dumps(blocks))), estimated=True)
    return orjson.dumps(
        {
            "id": message_id(answer_id),
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": blocks,
            **build_finish(choice.finish_reason, choice.stop_sequence, refusal),
            "usage": build_usage(result.tokens or guess),
        }
    )


def _cite(blocks: list[JSON], citations: tuple[Citation, ...]) -> None:
    """Give each citation to the text block that it stands in, else to the last one."""
    texts = [block for block in blocks if block["type"] == "text"]
    for number, citation in enumerate(citations):
        end = 0
        for block in texts:
            end += len(block["text"])
            if block is texts[-1] or 0 <= citation.start < end:
                block["citations"] = [
                    *(block["citations"] or ()),
                    build_citation(citation, number),
                ]
                break
