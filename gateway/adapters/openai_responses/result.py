"""A whole response as a canonical result."""

from typing import Any

import orjson

from gateway.adapters.openai_responses.output import (
    call_of,
    citations_of,
    finish_reason_of,
    logprobs_of,
    results_of,
    thought_of,
)
from gateway.adapters.openai_responses.relay import BROKEN_OFF, model_in
from gateway.adapters.openai_responses.usage import tokens_of
from gateway.adapters.reading import Unreadable, objects_of, text_of
from gateway.canonical import ChatResult, Choice, Citation, Part, Refusal, Text
from gateway.types import JSON

_UNFINISHED = BROKEN_OFF | {"queued", "in_progress"}


def parse_result(body: bytes) -> ChatResult:
    """Read an answer. Raises `Unreadable` for one that is none, or was broken off."""
    try:
        tree: Any = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        msg = "The answer is no response."
        raise Unreadable(msg) from error
    if type(tree) is not dict or type(tree.get("output")) is not list:
        msg = "The answer holds no output."
        raise Unreadable(msg)
    if text_of(tree.get("status")) in _UNFINISHED:
        msg = "The provider broke the answer off."
        raise Unreadable(msg)
    answer_id = text_of(tree.get("id"))
    reader = _OutputReader(answer_id)
    for item in objects_of(tree["output"]):
        reader.read(item)
    choice = Choice(
        parts=tuple(reader.parts),
        finish_reason=finish_reason_of(tree, has_calls=reader.calls > 0),
        logprobs={"content": reader.logprobs, "refusal": None}
        if reader.logprobs
        else None,
    )
    return ChatResult(
        id=answer_id,
        model=model_in(tree),
        choices=(choice,),
        tokens=tokens_of(tree.get("usage"), tree.get("tool_usage")),
        citations=tuple(dict.fromkeys(reader.citations)),
    )


class _OutputReader:
    """Reads the items of an answer. Those of unknown types say nothing here."""

    def __init__(self, answer_id: str) -> None:
        self.parts: list[Part] = []
        self.citations: list[Citation] = []
        self.logprobs: list[JSON] = []
        self.calls = 0
        self._answer_id = answer_id
        self._length = 0

    def read(self, item: JSON) -> None:
        match item.get("type"):
            case "message":
                for piece in objects_of(item.get("content")):
                    self._read_piece(piece)
            case "reasoning" if (thought := thought_of(item)) is not None:
                self.parts.append(thought)
            case "function_call":
                if (call := call_of(item, self._answer_id, self.calls)) is not None:
                    self.parts.append(call)
                    self.calls += 1
            case "search_results":
                self.citations += results_of(item)

    def _read_piece(self, piece: JSON) -> None:
        match piece.get("type"):
            case "output_text" if text := text_of(piece.get("text")):
                self.citations += citations_of(piece.get("annotations"), self._length)
                self.logprobs += logprobs_of(piece.get("logprobs"))
                self._length += len(text)
                self.parts.append(Text(text))
            case "refusal" if words := text_of(piece.get("refusal")):
                self.parts.append(Refusal(words))
