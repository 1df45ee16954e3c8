"""Usage as clients of the protocol count it: cached input is not input."""

from gateway.types import JSON
from usage.tokens import Tokens


def build_usage(tokens: Tokens) -> JSON:
    usage: JSON = {
        "input_tokens": max(0, tokens.input - tokens.cache_read - tokens.cache_write),
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "output_tokens": tokens.output,
    }
    if tokens.reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": tokens.reasoning}
    if searches := tokens.other.get("search"):
        usage["server_tool_use"] = {"web_search_requests": searches}
    return usage
