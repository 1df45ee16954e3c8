"""Whole answers."""

from gateway.adapters.gemini_generate.candidates import (
    call_prefix,
    ending_of,
    finish_reason_of,
    is_blocked,
    parts_of,
    raw_parts,
)
from gateway.adapters.gemini_generate.citations import citations_of
from gateway.adapters.gemini_generate.errors import error_code
from gateway.adapters.gemini_generate.logprobs import logprobs_of
from gateway.adapters.gemini_generate.protocol import as_index, has_error, loads
from gateway.adapters.gemini_generate.tokens import tokens_of
from gateway.adapters.reading import Unreadable, objects_of, printable, text_of
from gateway.canonical import (
    ChatResult,
    Choice,
    Citation,
    Part,
    Reasoning,
    Text,
    ToolCall,
)
from gateway.types import JSON, UpstreamFault, UpstreamReply


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    tree = loads(body)
    first = tree[0] if type(tree) is list and tree else tree
    if type(first) is dict and has_error(first):
        return error_code(body)
    if type(tree) is not dict:
        msg = "The answer is no generated content."
        raise Unreadable(msg)
    _candidates(tree)
    return UpstreamReply(
        body=body,
        tokens=tokens_of(tree.get("usageMetadata")),
        reported_model=printable(text_of(tree.get("modelVersion"))),
        finish_reason=ending_of(tree),
    )


def _candidates(tree: JSON) -> list[JSON]:
    candidates = objects_of(tree.get("candidates"))
    if not candidates and not is_blocked(tree):
        msg = "The answer holds no candidates."
        raise Unreadable(msg)
    return candidates


def parse_result(body: bytes) -> ChatResult:
    """Read an answer for translation."""
    tree = loads(body)
    if type(tree) is not dict:
        msg = "The answer is no generated content."
        raise Unreadable(msg)
    choices: list[Choice] = []
    citations: list[Citation] = []
    for candidate in _candidates(tree):
        prefix = call_prefix(tree, as_index(candidate.get("index")))
        parts: list[Part] = []
        calls = 0
        for raw in raw_parts(candidate):
            parts += (said := parts_of(raw, f"{prefix}{calls}"))
            calls += any(isinstance(part, ToolCall) for part in said)
        text = "".join(part.text for part in parts if isinstance(part, Text))
        citations += citations_of(candidate, text)
        choices.append(_choice(candidate, parts))
    return ChatResult(
        id=text_of(tree.get("responseId")),
        model=printable(text_of(tree.get("modelVersion"))),
        choices=tuple(choices) or (Choice(parts=(), finish_reason="content_filter"),),
        tokens=tokens_of(tree.get("usageMetadata")),
        citations=tuple(citations),
    )


def _choice(candidate: JSON, parts: list[Part]) -> Choice:
    reason = text_of(candidate.get("finishReason"))
    finish_reason = finish_reason_of(
        reason,
        has_calls=any(isinstance(part, ToolCall) for part in parts),
        has_content=any(not isinstance(part, Reasoning) for part in parts),
    )
    if finish_reason is None:
        said = text_of(candidate.get("finishMessage")) or "it gave no answer."
        msg = f"The model failed with {printable(reason)[:64] or 'no reason'}: {said}"
        raise Unreadable(msg[:1000])
    return Choice(
        parts=tuple(parts),
        finish_reason=finish_reason,
        index=as_index(candidate.get("index")),
        logprobs=logprobs_of(candidate),
    )
