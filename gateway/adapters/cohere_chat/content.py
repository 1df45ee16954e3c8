"""What the pieces of an answer say, whole or streamed."""

from collections.abc import Mapping
from typing import Any

from gateway.adapters.cohere_chat.wire import dumps_or, object_of
from gateway.adapters.reading import objects_of, text_of
from gateway.canonical import Citation, FinishReason
from gateway.types import JSON, UpstreamFault

_FINISH_REASONS: dict[str, FinishReason] = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "ERROR_LIMIT": "length",
    "TOOL_CALL": "tool_calls",
    "ERROR_TOXIC": "content_filter",
}
_BROKEN_OFF = {"ERROR": 502, "TIMEOUT": 504}
# Where the words of a source may stand.
_TEXTS = ("text", "snippet", "content")
_IN_THE_ANSWER = (None, "", "TEXT_CONTENT")


def finish_reason_of(reason: Any, *, has_calls: bool) -> FinishReason:
    """Return the reason in our words; whoever called tools ended because of them."""
    known = _FINISH_REASONS.get(text_of(reason), "stop")
    return "tool_calls" if has_calls and known == "stop" else known


def breakdown_of(ending: JSON) -> UpstreamFault | None:
    """Return the fault that an ending tells of, None when the answer is whole."""
    reason, words = text_of(ending.get("finish_reason")), ending.get("error")
    if not words and reason not in _BROKEN_OFF:
        return None
    message = text_of(words) or "The provider broke the answer off."
    return UpstreamFault("", message[:1000], status=_BROKEN_OFF.get(reason, 502))


def arguments_of(function: JSON) -> str:
    """Return the arguments as JSON text; empty when there are none."""
    arguments = function.get("arguments")
    if type(arguments) is str:
        return arguments
    return "" if arguments is None else dumps_or(arguments, "{}")


def citations_of(cited: JSON, starts: Mapping[int, int]) -> list[Citation]:
    """Return a citation for each source; none when it is not the answer that cites.

    `starts` are the offsets at which the items of the content begin.
    """
    if cited.get("type") not in _IN_THE_ANSWER:
        return []
    at = cited.get("content_index")
    base = starts.get(at if type(at) is int else -1, min(starts.values(), default=0))
    start, end = (_offset(cited.get(name), base) for name in ("start", "end"))
    return [_source(source, start, end) for source in objects_of(cited.get("sources"))]


def _offset(value: Any, base: int) -> int:
    return base + value if type(value) is int and value >= 0 else -1


def _source(source: JSON, start: int, end: int) -> Citation:
    told = object_of(source.get("document")) or object_of(source.get("tool_output"))
    texts = (text_of(told.get(name)) for name in _TEXTS)
    return Citation(
        url=text_of(told.get("url")),
        title=text_of(told.get("title")) or text_of(source.get("id")),
        text=next(filter(None, texts), ""),
        start=start,
        end=end,
    )


def logprobs_of(items: list[JSON]) -> JSON | None:
    """Return the figures in OpenAI's shape, one for each piece of text."""
    content = [told for item in items if (told := _figure(item)) is not None]
    return {"content": content, "refusal": None} if content else None


def _figure(item: JSON) -> JSON | None:
    text, figures = text_of(item.get("text")), item.get("logprobs")
    if type(figures) is not list or not figures:
        return None
    if not all(type(figure) in {int, float} for figure in figures):
        return None
    return {
        "token": text,
        # That of all its tokens together.
        "logprob": float(sum(figures)),
        "bytes": list(text.encode("utf-8", "replace")),
        "top_logprobs": [],
    }
