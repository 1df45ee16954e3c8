"""A chat completions body as a canonical request."""

from gateway.body_fields import (
    Malformed,
    boolean_in,
    integer_in,
    number_in,
    object_in,
    text_in,
)
from gateway.canonical import ChatRequest, OutputFormat
from gateway.dialects.openai_chat.checks import check_request, wants_stream
from gateway.dialects.openai_chat.messages import parse_messages
from gateway.dialects.openai_chat.protocol import NAME
from gateway.dialects.openai_chat.tools import parse_tool_choice, parse_tools
from gateway.types import JSON

_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})

# What is read here, or is for the gateway itself. The rest is the protocol's own.
_READ = frozenset(
    {
        "frequency_penalty",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "models",
        "n",
        "parallel_tool_calls",
        "presence_penalty",
        "provider",
        "reasoning",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "stop",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
    }
)


def parse_request(body: JSON) -> ChatRequest:
    """Read a body. Raises `Malformed` for what cannot be said in another protocol."""
    check_request(body)
    for name in ("functions", "function_call"):
        if body.get(name):
            raise Malformed(f"'{name}' is not supported; use 'tools'.", name)
    tools = parse_tools(body)
    tools, tool_choice = parse_tool_choice(body, tools)
    effort, budget = _thinking(body)
    return ChatRequest(
        messages=parse_messages(body),
        stream=wants_stream(body),
        max_output_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
        temperature=number_in(body, "temperature"),
        top_p=number_in(body, "top_p"),
        top_k=integer_in(body, "top_k"),
        stop=_stop(body),
        seed=integer_in(body, "seed"),
        choices=body.get("n") or 1,
        presence_penalty=number_in(body, "presence_penalty"),
        frequency_penalty=number_in(body, "frequency_penalty"),
        logprobs=_logprobs(body),
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=boolean_in(body, "parallel_tool_calls"),
        output_format=_output_format(object_in(body, "response_format")),
        effort=effort,
        thinking_budget=budget,
        end_user=text_in(body, "safety_identifier") or text_in(body, "user"),
        metadata=_metadata(object_in(body, "metadata")),
        extra={n: v for n, v in body.items() if n not in _READ and v is not None},
        protocol=NAME,
    )


def _stop(body: JSON) -> tuple[str, ...]:
    stop = body.get("stop")
    if stop is None:
        return ()
    stops = [stop] if type(stop) is str else stop
    if type(stops) is not list or not all(type(text) is str for text in stops):
        raise Malformed("'stop' must be a string or a list of strings.", "stop")
    return tuple(stops)


def _logprobs(body: JSON) -> int | None:
    """Return how many alternatives are wanted beside each token; None: no figures."""
    top = integer_in(body, "top_logprobs")
    return (top or 0) if boolean_in(body, "logprobs") else None


def _thinking(body: JSON) -> tuple[str, int | None]:
    """Return effort and budget, which some clients give as OpenRouter takes them."""
    told = object_in(body, "reasoning")
    effort = text_in(body, "reasoning_effort") or text_in(told, "effort", "reasoning.")
    if effort == "default":
        effort = ""
    if effort and effort not in _EFFORTS:
        raise Malformed("'reasoning_effort' is not a known effort.", "reasoning_effort")
    if not effort and told.get("enabled") is False:
        effort = "none"
    return effort, integer_in(told, "max_tokens")


def _output_format(wanted: JSON) -> OutputFormat:
    if not wanted or wanted.get("type") == "text":
        return OutputFormat()
    if wanted.get("type") == "json_object":
        return OutputFormat("json_object")
    if wanted.get("type") != "json_schema":
        place = "response_format.type"
        raise Malformed(f"'{place}' is not a known format.", place)
    place = "response_format."
    described = object_in(wanted, "json_schema", place)
    place += "json_schema."
    return OutputFormat(
        "json_schema",
        name=text_in(described, "name", place),
        schema=object_in(described, "schema", place),
        strict=described.get("strict") is True,
    )


def _metadata(metadata: JSON) -> dict[str, str]:
    if not all(type(value) is str for value in metadata.values()):
        raise Malformed("'metadata' must hold strings.", "metadata")
    return metadata
