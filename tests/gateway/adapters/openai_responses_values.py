"""JSON that a server of Responses might send, and much that it should not."""

from typing import Any

import orjson
from hypothesis import strategies as st

from tests.gateway.adapters.openai_chat_values import anything, scalars

_names = st.sampled_from(
    [
        "annotation",
        "annotations",
        "arguments",
        "call_id",
        "code",
        "content",
        "content_index",
        "cost",
        "delta",
        "encrypted_content",
        "end_index",
        "error",
        "id",
        "incomplete_details",
        "input_tokens",
        "input_tokens_details",
        "item",
        "item_id",
        "logprobs",
        "message",
        "model",
        "name",
        "output",
        "output_index",
        "output_tokens",
        "part",
        "reason",
        "refusal",
        "response",
        "results",
        "start_index",
        "status",
        "summary",
        "summary_index",
        "text",
        "tool_calls_details",
        "tool_usage",
        "top_logprobs",
        "type",
        "url",
        "usage",
    ]
)
_types = st.sampled_from(
    [
        "error",
        "function_call",
        "message",
        "output_text",
        "reasoning",
        "refusal",
        "search_results",
        "url_citation",
        "response.completed",
        "response.created",
        "response.failed",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.incomplete",
        "response.output_item.added",
        "response.output_item.done",
        "response.output_text.annotation.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.reasoning.search_results",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
        "response.refusal.delta",
        "response.refusal.done",
    ]
)
_likely = st.recursive(
    scalars | _types,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_names, inner, max_size=5)
        | st.builds(
            lambda kind, rest: {**rest, "type": kind},
            _types,
            st.dictionaries(_names, inner, max_size=5),
        )
    ),
    max_leaves=15,
)
answers = st.dictionaries(_names, _likely | anything, max_size=6)
events = st.builds(lambda kind, rest: {**rest, "type": kind}, _types, answers)


def event(kind: str, **fields: Any) -> bytes:
    data = orjson.dumps({"type": kind, **fields})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
