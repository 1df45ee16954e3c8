"""Whole answers, of Cohere and of those that follow it more or less."""

import math
from typing import Any

from gateway.adapters.cohere_chat.errors import fault_of
from gateway.adapters.cohere_chat.usage import whole
from gateway.adapters.cohere_chat.wire import object_of
from gateway.adapters.reading import Unreadable, loads, text_of
from gateway.operations import Ranked, RerankResult
from gateway.types import JSON, UpstreamFault, UpstreamReply
from usage.tokens import Tokens

# What the tokens are called, where they are what is paid for.
_TOKENS = ("input_tokens", "prompt_tokens", "total_tokens")


def parse_response(body: bytes) -> UpstreamReply | UpstreamFault:
    """Read a 200 answer. A fault is an error that the provider hid in it."""
    tree = loads(body, "The answer")
    if _results(tree) is None:
        fault = fault_of(tree)
        if fault.message != "No message.":
            return fault
        raise _nothing()
    model = text_of(tree.get("model"))
    return UpstreamReply(
        body=body,
        tokens=tokens_of(tree),
        reported_model=model if model.isprintable() else ascii(model),
    )


def parse_result(body: bytes) -> RerankResult:
    """Read a 200 answer whole. Raises `Unreadable` for one that ranks nothing."""
    tree = loads(body, "The answer")
    results = _results(tree)
    if results is None:
        raise _nothing()
    ranked = tuple(
        sorted(map(_ranked, results), key=lambda each: each.score, reverse=True)
    )
    return RerankResult(
        id=text_of(tree.get("id")), ranked=ranked, tokens=tokens_of(tree)
    )


def tokens_of(tree: JSON) -> Tokens | None:
    """Return what is billed, or None when it is not told or cannot be true.

    Cohere bills searches, or tokens with its newest models; the others report tokens
    beside the results.
    """
    billed = object_of(object_of(tree.get("meta")).get("billed_units"))
    searches = whole(billed.get("search_units"))
    tokens = whole(_first(billed, _TOKENS[:1]))
    if not billed:
        usage = object_of(tree.get("usage")) or object_of(
            object_of(tree.get("meta")).get("tokens")
        )
        tokens = whole(_first(usage, _TOKENS))
    if searches is None or tokens is None or not (searches or tokens):
        return None
    return Tokens(input=tokens, other={"search": searches} if searches else {})


def _first(tree: JSON, names: tuple[str, ...]) -> Any:
    return next((tree[name] for name in names if tree.get(name) is not None), None)


def _results(tree: JSON) -> list[Any] | None:
    for name in ("results", "data"):
        if type(listed := tree.get(name)) is list:
            return listed
    return None


def _ranked(result: Any) -> Ranked:
    told = object_of(result)
    index = told.get("index")
    score: Any = told.get("relevance_score", told.get("score"))
    if type(index) is not int or index < 0:
        msg = "The answer ranks a document without saying which."
        raise Unreadable(msg)
    if type(score) not in {int, float} or not math.isfinite(score):
        msg = "The answer ranks a document without a score."
        raise Unreadable(msg)
    return Ranked(index, float(score))


def _nothing() -> Unreadable:
    return Unreadable("The answer holds no results.")
