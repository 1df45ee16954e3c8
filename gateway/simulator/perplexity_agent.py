"""Perplexity's Agent API: Responses with a search, and a bill in every answer."""

from typing import Any

from gateway.simulator.checks import names_in, refuse
from gateway.simulator.openai_responses import Item, OpenAIResponses, Script
from gateway.simulator.openai_responses_request import parse as parse_request
from gateway.simulator.types import JSON, Answer, Ask, Failure, Usage

_KNOWN = names_in(
    "background input instructions language_preference max_output_tokens max_steps "
    "model models preset previous_response_id reasoning response_format skills store "
    "stream tools"
)
_SEARCH = "web_search"
# Dollars for a token, and for a search.
_INPUT, _OUTPUT, _PER_SEARCH = 0.25e-6, 2.5e-6, 0.0025


class PerplexityAgent(OpenAIResponses):
    """The protocol `openai_responses` as Perplexity speaks it."""

    name = "perplexity_agent"

    def parse(self, body: JSON) -> Ask:
        for name in body:
            if name not in _KNOWN:
                refuse(f"Extra inputs are not permitted: {name}", name)
        for at, item in enumerate(_items_in(body)):
            if "type" not in item:
                place = f"input[{at}].type"
                refuse(f"Field required: {place}", place)
        self.asked = {n: v for n, v in body.items() if n != "response_format"}
        if (wanted := body.get("response_format")) is not None:
            self.asked["text"] = {"format": _format(wanted)}
        return parse_request(self.asked)

    def build_error_event(self, failure: Failure, *, is_first: bool) -> bytes:
        script = Script()
        error = {"message": failure.message, "type": failure.kind}
        script.add("response.failed", error={**error, "code": failure.status})
        return script.events[0]

    @property
    def searches(self) -> bool:
        """Whether it looks around: only when it is told to."""
        return any(tool.get("type") == _SEARCH for tool in self.asked.get("tools", ()))

    def _items(self, answer: Answer) -> list[Item]:
        items = super()._items(answer)
        if not self.searches:
            return items
        found = [
            {
                "id": number,
                "title": f"Page {number}",
                "url": f"https://example.com/{number}",
                "snippet": "A simulated page.",
                "source": "web",
            }
            for number in (1, 2)
        ]
        for item, _ in items:
            if item["type"] == "message":
                item["content"][0]["annotations"] = [
                    {
                        "type": "citation",
                        "start_index": 0,
                        "end_index": 4,
                        "url": found[0]["url"],
                        "title": found[0]["title"],
                    }
                ]
        results = {"type": "search_results", "queries": ["a"], "results": found}
        return [(results, []), *items]

    def _usage(self, usage: Usage) -> JSON:
        searches = int(self.searches)
        bill = {
            "input_cost": usage.prompt_tokens * _INPUT,
            "output_cost": usage.completion_tokens * _OUTPUT,
            "tool_calls_cost": searches * _PER_SEARCH,
        }
        return {
            "input_tokens": usage.prompt_tokens,
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
            "input_tokens_details": {
                "cache_creation_input_tokens": usage.cache_write_tokens,
                "cache_read_input_tokens": usage.cached_tokens,
            },
            "tool_calls_details": {"search_web": {"invocation": searches}},
            "cost": {"currency": "USD", **bill, "total_cost": sum(bill.values())},
        }


def _items_in(body: JSON) -> list[JSON]:
    items = body.get("input")
    return items if isinstance(items, list) else []


def _format(wanted: Any) -> JSON:
    described = wanted.get("json_schema") if isinstance(wanted, dict) else None
    if not isinstance(described, dict) or wanted.get("type") != "json_schema":
        refuse("response_format: only json_schema is supported", "response_format")
    return {"type": "json_schema", **described}
