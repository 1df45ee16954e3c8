"""OpenAI's Responses: requests in; answers, events and errors out."""

from typing import Any

import orjson

from gateway.simulator.openai_chat import OpenAIChat
from gateway.simulator.openai_responses_items import SIGNER
from gateway.simulator.openai_responses_request import SEALED
from gateway.simulator.openai_responses_request import parse as parse_request
from gateway.simulator.signatures import signature_of
from gateway.simulator.types import (
    JSON,
    Answer,
    Ask,
    Choice,
    Failure,
    Glance,
    Head,
    Stream,
    ToolCall,
    Usage,
)

_ARGUMENT_PARTS = 3
# What an answer repeats of the request, and what stands there when that says nothing.
_ECHOED: JSON = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}


# An item of the output, and what changes on the way to it.
Item = tuple[JSON, list[tuple[str, JSON]]]


class OpenAIResponses(OpenAIChat):
    """The protocol `openai_responses`; keys and errors are those of chat."""

    name = SIGNER

    def __init__(self, head: Head) -> None:
        super().__init__(head)
        self.asked: JSON = {}

    def glance(self, body: JSON) -> Glance:
        return Glance(str(body.get("model")), body.get("stream") is True)

    def parse(self, body: JSON) -> Ask:
        self.asked = body
        return parse_request(body)

    def build_body(self, answer: Answer) -> bytes:
        items = [item for item, _ in self._items(answer)]
        return orjson.dumps(self._ended(answer, items))

    def build_stream(self, answer: Answer, ask: Ask) -> Stream:
        """Return the events; the last one holds the whole answer once more."""
        script = Script()
        begun = self._response(answer, "in_progress", [])
        script.add("response.created", response=begun)
        script.add("response.in_progress", response=begun)
        items = self._items(answer)
        for index, (item, steps) in enumerate(items):
            at: JSON = {"output_index": index}
            script.add("response.output_item.added", **at, item=_begun(item))
            for kind, fields in steps:
                step: JSON = {"item_id": item["id"], **at, **fields}
                script.add(f"response.{kind}", **step)
            script.add("response.output_item.done", **at, item=item)
        events, script.events = script.events, []
        ended = self._ended(answer, [item for item, _ in items])
        script.add(f"response.{ended['status']}", response=ended)
        return Stream(events, [], [], script.events)

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        error: JSON = orjson.loads(self.build_error(failure))["error"]
        script = Script()
        script.add(
            "error",
            code=error["code"] or error["type"],
            message=error["message"],
            param=error["param"],
        )
        return script.events[0]

    def _response(self, answer: Answer, status: str, output: list[JSON]) -> JSON:
        response: JSON = {
            "id": f"resp_{answer.id}",
            "object": "response",
            "created_at": answer.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": answer.model,
            "output": output,
            "service_tier": "default",
            "usage": None,
        }
        for name, default in _ECHOED.items():
            asked = self.asked.get(name)
            if isinstance(default, dict) and isinstance(asked, dict):
                asked = {**default, **asked}
            response[name] = default if asked is None else asked
        return response

    def _ended(self, answer: Answer, output: list[JSON]) -> JSON:
        is_cut = any(choice.finish_reason == "length" for choice in answer.choices)
        status = "incomplete" if is_cut else "completed"
        response = self._response(answer, status, output)
        if is_cut:
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        else:
            response["completed_at"] = answer.created
        if answer.usage is not None:
            response["usage"] = self._usage(answer.usage)
        return response

    def _usage(self, usage: Usage) -> JSON:
        return {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {
                "cached_tokens": usage.cached_tokens,
                "cache_write_tokens": usage.cache_write_tokens,
            },
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        }

    def _items(self, answer: Answer) -> list[Item]:
        """Return the items of the output, each with what changes on the way to it."""
        items: list[Item] = []
        for choice in answer.choices:
            if choice.thoughts is not None:
                items.append(self._reasoning(answer, choice, choice.thoughts))
            if choice.pieces:
                items.append(_message(answer, choice))
            items += map(_call, choice.tool_calls)
        return items

    def _reasoning(self, answer: Answer, choice: Choice, thoughts: list[str]) -> Item:
        item: JSON = {"id": f"rs_{answer.id}", "type": "reasoning", "summary": []}
        steps: list[tuple[str, JSON]] = []
        if thoughts:
            text = "".join(thoughts)
            at: JSON = {"summary_index": 0}
            part = {"type": "summary_text", "text": text}
            item["summary"] = [part]
            steps = [
                ("reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}),
                *(
                    ("reasoning_summary_text.delta", {**at, "delta": thought})
                    for thought in thoughts
                ),
                ("reasoning_summary_text.done", {**at, "text": text}),
                ("reasoning_summary_part.done", {**at, "part": part}),
            ]
        if SEALED in (self.asked.get("include") or ()):
            said = "".join(choice.pieces)
            item["encrypted_content"] = signature_of(
                SIGNER, answer.model, item["id"], said
            )
        return item, steps


class Script:
    """The events of a stream, numbered."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self._number = 0

    def add(self, kind: str, **fields: Any) -> None:
        data = {"type": kind, "sequence_number": self._number, **fields}
        self._number += 1
        event = b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps(data))
        self.events.append(event)


def _begun(item: JSON) -> JSON:
    """Return an item as it is announced: empty."""
    empty: JSON = {"content": [], "summary": [], "arguments": "", "input": ""}
    begun = {**item, **{n: value for n, value in empty.items() if n in item}}
    begun.pop("encrypted_content", None)
    if "status" in begun:
        begun["status"] = "in_progress"
    return begun


def _message(answer: Answer, choice: Choice) -> Item:
    text = "".join(choice.pieces)
    at: JSON = {"content_index": 0}
    more: JSON = {}
    if choice.is_refusal:
        kind = name = "refusal"
        part: JSON = {"type": kind, name: text}
    else:
        kind, name, more = "output_text", "text", {"logprobs": []}
        part = {"type": kind, name: text, "annotations": [], "logprobs": []}
    steps: list[tuple[str, JSON]] = [
        ("content_part.added", {**at, "part": {**part, name: ""}}),
        *((f"{kind}.delta", {**at, "delta": p, **more}) for p in choice.pieces),
        (f"{kind}.done", {**at, name: text, **more}),
        ("content_part.done", {**at, "part": part}),
    ]
    item: JSON = {
        "id": f"msg_{answer.id}",
        "type": "message",
        "status": "incomplete" if choice.finish_reason == "length" else "completed",
        "role": "assistant",
        "content": [part],
    }
    return item, steps


def _call(call: ToolCall) -> Item:
    kind, name, step = (
        ("custom_tool_call", "input", "custom_tool_call_input")
        if call.is_custom
        else ("function_call", "arguments", "function_call_arguments")
    )
    said = call.arguments
    size = max(1, -(-len(said) // _ARGUMENT_PARTS))
    parts = [said[at : at + size] for at in range(0, len(said), size)]
    item: JSON = {
        "id": f"fc_{call.id}",
        "type": kind,
        "status": "completed",
        "call_id": call.id,
        "name": call.name,
        name: said,
    }
    steps: list[tuple[str, JSON]] = [
        *((f"{step}.delta", {"delta": part}) for part in parts),
        (f"{step}.done", {name: said}),
    ]
    return item, steps
