"""Pieces that whole and streamed answers share."""

from typing import Any

from gateway.canonical import (
    ChatRequest,
    Citation,
    FinishReason,
    OutputFormat,
    ToolChoice,
)
from gateway.types import JSON
from usage.tokens import Tokens

_INCOMPLETE: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}
_NOTHING_ASKED = ChatRequest(messages=())


class Envelope:
    """What an answer says beside its output: its ids, and what the request asked for.

    Members that the clients insist on are there even when the request is not known.
    """

    def __init__(
        self, answer_id: str, created: int, model: str, request: ChatRequest | None
    ) -> None:
        self._key = answer_id.removeprefix("resp_").replace("-", "")
        self._created = created
        self._model = model
        self._request = request or _NOTHING_ASKED

    def item_id(self, kind: str, index: int) -> str:
        """Return the id of the answer's item of that kind (msg, fc, rs)."""
        return f"{kind}_{self._key}{index}"

    def write(
        self,
        output: list[JSON],
        tokens: Tokens | None,
        *,
        finish: FinishReason | None,
        ended: int | None,
    ) -> JSON:
        """Return the response; `finish` is None while it is being made."""
        reason = _INCOMPLETE.get(finish) if finish else None
        status = "incomplete" if reason else "completed"
        asked = self._request
        return {
            "id": f"resp_{self._key}",
            "object": "response",
            "created_at": self._created,
            "status": status if finish else "in_progress",
            "background": False,
            "completed_at": ended if status == "completed" else None,
            "error": None,
            "incomplete_details": {"reason": reason} if reason else None,
            "instructions": None,
            "max_output_tokens": asked.max_output_tokens,
            "metadata": asked.metadata,
            "model": self._model,
            "output": output,
            "parallel_tool_calls": asked.parallel_tool_calls is not False,
            "previous_response_id": None,
            "reasoning": {"effort": asked.effort or None, "summary": None},
            "safety_identifier": asked.end_user or None,
            "service_tier": "default",
            "store": False,
            "temperature": asked.temperature,
            "text": {"format": _format(asked.output_format)},
            "tool_choice": _choice(asked.tool_choice),
            "tools": [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description or None,
                    "parameters": tool.parameters,
                    "strict": tool.strict,
                }
                for tool in asked.tools
            ],
            "top_logprobs": asked.logprobs or 0,
            "top_p": asked.top_p,
            "truncation": "disabled",
            "usage": None if tokens is None else usage_of(tokens),
            "user": None,
        }


def usage_of(tokens: Tokens) -> JSON:
    """Return the usage in OpenAI's words, which count as ours do."""
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {
            "cached_tokens": tokens.cache_read,
            "cache_write_tokens": tokens.cache_write,
        },
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output,
    }


def message_item(item_id: str, status: str, content: list[JSON]) -> JSON:
    return {
        "id": item_id,
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def text_part(text: str, annotations: list[JSON], logprobs: list[Any]) -> JSON:
    return {
        "type": "output_text",
        "text": text,
        "annotations": annotations,
        "logprobs": logprobs,
    }


def refusal_part(text: str) -> JSON:
    return {"type": "refusal", "refusal": text}


def call_item(item_id: str, status: str, call_id: str, name: str, told: str) -> JSON:
    return {
        "id": item_id,
        "type": "function_call",
        "status": status,
        "arguments": told,
        "call_id": call_id,
        "name": name,
    }


def reasoning_item(item_id: str, text: str, sealed: str) -> JSON:
    item: JSON = {
        "id": item_id,
        "type": "reasoning",
        "summary": [summary_part(text)] if text else [],
    }
    if sealed:
        item["encrypted_content"] = sealed
    return item


def summary_part(text: str) -> JSON:
    return {"type": "summary_text", "text": text}


def annotation_of(citation: Citation, base: int) -> JSON:
    """Return a source; the client's types want numbers even where none are known.

    `base` is where in all of the answer's text the annotated part begins.
    """
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": max(citation.start - base, 0),
        "end_index": max(citation.end - base, 0),
    }


def tokens_in(logprobs: JSON | None) -> list[Any]:
    """Return the tokens with their log-probabilities, which have one shape everywhere."""
    told = logprobs.get("content") if logprobs else None
    return told if type(told) is list else []


def _format(asked: OutputFormat) -> JSON:
    if asked.kind != "json_schema":
        return {"type": asked.kind}
    return {
        "type": "json_schema",
        "name": asked.name,
        "schema": asked.schema,
        "strict": asked.strict,
    }


def _choice(choice: ToolChoice | None) -> str | JSON:
    if choice is None:
        return "auto"
    if choice.mode == "named":
        return {"type": "function", "name": choice.name}
    return choice.mode
