"""What the pieces of an answer say, however the server writes them."""

import re
from collections.abc import Iterable
from typing import Any

import orjson

from gateway.canonical import Citation, FinishReason
from gateway.types import JSON

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter",
}
BROKEN_OFF = frozenset({"error", "abort"})
_NOT_IN_IDS = re.compile(r"[^a-zA-Z0-9_-]")


def finish_reason_of(reason: Any, *, has_calls: bool) -> FinishReason:
    """Return the reason in our words; whoever called tools ended because of them."""
    known: FinishReason = "stop"
    if isinstance(reason, str):
        known = _FINISH_REASONS.get(reason.lower(), "stop")
    return "tool_calls" if has_calls and known == "stop" else known


def texts_of(content: Any) -> tuple[str, str]:
    """Return what a content says and what it thinks: a string, or Mistral's pieces."""
    if isinstance(content, str):
        return content, ""
    said, thought = [], []
    for piece in content if isinstance(content, list) else ():
        if isinstance(piece, str):
            said.append(piece)
        elif type(piece) is dict:
            if isinstance(text := piece.get("text"), str):
                said.append(text)
            elif (thinking := piece.get("thinking")) is not None:
                thought.append(_thinking(thinking))
    return "".join(said), "".join(thought)


def _thinking(thinking: Any) -> str:
    if isinstance(thinking, str):
        return thinking
    return "".join(
        piece["text"]
        for piece in (thinking if isinstance(thinking, list) else ())
        if type(piece) is dict and isinstance(piece.get("text"), str)
    )


def reasoning_of(message: JSON) -> str:
    """Return the reasoning that stands beside the content; some say it twice."""
    for name in ("reasoning_content", "reasoning"):
        if isinstance(text := message.get(name), str) and text:
            return text
    return ""


def arguments_of(function: JSON) -> str:
    """Return the arguments as JSON text, whether or not the server wrote text."""
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        return arguments
    return "" if arguments is None else dumps_or(arguments, "{}")


def signature_of(call: JSON) -> str:
    """Return Gemini's thought signature: part of the call, where it speaks OpenAI's way."""
    extra = call.get("extra_content")
    google = extra.get("google") if type(extra) is dict else None
    signature = google.get("thought_signature") if type(google) is dict else None
    return signature if isinstance(signature, str) else ""


def call_id_of(told: Any, answer_id: str, number: int) -> str:
    """Return the id of a call, made up from its place when the server gave none."""
    if isinstance(told, str) and told:
        return told
    return f"call_{_NOT_IN_IDS.sub('', answer_id)[-24:]}_{number}"


def logprobs_of(choice: JSON) -> JSON | None:
    logprobs = choice.get("logprobs")
    if type(logprobs) is dict and logprobs.get("content") and dumps_or(logprobs, ""):
        return logprobs
    return None


def annotations_of(message: JSON) -> list[Citation]:
    """Return the sources of a message: OpenAI's shape, or flat."""
    found = []
    for annotation in _dicts(message.get("annotations")):
        nested = annotation.get("url_citation")
        source = nested if type(nested) is dict else annotation
        if url := _string(source, "url"):
            found.append(
                Citation(
                    url=url,
                    title=_string(source, "title"),
                    text=_string(source, "content"),
                    start=_offset(source, "start_index"),
                    end=_offset(source, "end_index"),
                )
            )
    return found


def sources_of(tree: JSON) -> list[Citation]:
    """Return the sources that stand beside the choices, as Perplexity and xAI tell them."""
    found: dict[str, Citation] = {}
    for result in _dicts(tree.get("search_results")):
        if url := _string(result, "url"):
            found.setdefault(
                url,
                Citation(url, _string(result, "title"), _string(result, "snippet")),
            )
    citations = tree.get("citations")
    for told in citations if isinstance(citations, list) else ():
        url = told if isinstance(told, str) else ""
        if type(told) is dict:
            url = _string(told, "url")
        if url:
            found.setdefault(url, Citation(url))
    return list(found.values())


def dumps_or(value: Any, default: str) -> str:
    """Return the value as JSON text; the default when it is nested too deep for that."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return default


def _dicts(values: Any) -> Iterable[JSON]:
    return [v for v in values if type(v) is dict] if isinstance(values, list) else ()


def _string(tree: JSON, name: str) -> str:
    value = tree.get(name)
    return value if isinstance(value, str) else ""


def _offset(tree: JSON, name: str) -> int:
    value = tree.get(name)
    return value if type(value) is int and value >= 0 else -1
