"""A body as a canonical request."""

from typing import Any

from gateway.body_fields import (
    Malformed,
    boolean_in,
    integer_in,
    list_in,
    number_in,
    object_in,
    text_in,
)
from gateway.canonical import ChatRequest, OutputFormat
from gateway.dialects.openai_responses.checks import (
    KEPT,
    check_request,
    max_output_tokens,
    wants_stream,
)
from gateway.dialects.openai_responses.items import InputReader
from gateway.dialects.openai_responses.protocol import NAME
from gateway.dialects.openai_responses.tools import parse_tool_choice, parse_tools
from gateway.types import JSON

_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})

# What is read here, is for the gateway itself, or asks for nothing: an answer is never
# stored, and never padded. The rest is the protocol's own.
_READ = frozenset(
    {
        "background",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "metadata",
        "model",
        "models",
        "parallel_tool_calls",
        "provider",
        "reasoning",
        "safety_identifier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        *KEPT,
    }
)
_LOGPROBS = "message.output_text.logprobs"
# Is in every answer that has it.
_ENCRYPTED = "reasoning.encrypted_content"


def parse_request(body: JSON) -> ChatRequest:
    """Read a body. Raises `Malformed` for what cannot be said in another protocol."""
    check_request(body)
    _refuse_what_is_kept(body)
    tools, left_out = parse_tools(body)
    tools, tool_choice = parse_tool_choice(body, tools)
    reader = InputReader()
    messages = reader.read(body)
    reasoning, text = object_in(body, "reasoning"), object_in(body, "text")
    return ChatRequest(
        messages=messages,
        stream=wants_stream(body),
        max_output_tokens=max_output_tokens(body),
        temperature=number_in(body, "temperature"),
        top_p=number_in(body, "top_p"),
        logprobs=_logprobs(body),
        tools=tools,
        tool_choice=tool_choice,
        parallel_tool_calls=boolean_in(body, "parallel_tool_calls"),
        output_format=_output_format(object_in(text, "format", "text.")),
        effort=_effort(reasoning),
        end_user=text_in(body, "safety_identifier") or text_in(body, "user"),
        metadata=_metadata(object_in(body, "metadata")),
        extra={
            **_own(body),
            **_members(reasoning, "reasoning.", read={"effort", "summary"}),
            **_members(text, "text.", read={"format"}),
            **left_out,
            **reader.left_out,
        },
        protocol=NAME,
    )


def _refuse_what_is_kept(body: JSON) -> None:
    for name in KEPT:
        if body.get(name):
            msg = (
                f"'{name}' is kept by OpenAI, and the model that was chosen is spoken to "
                "differently. Send all that was said so far as items of 'input'."
            )
            raise Malformed(msg, name)
    if boolean_in(body, "background"):
        msg = (
            "'background' works with OpenAI's own models only, and the model that was "
            "chosen is spoken to differently. Wait for the answer, or stream it."
        )
        raise Malformed(msg, "background")


def _own(body: JSON) -> JSON:
    """Return the members of the body that only this protocol knows."""
    own = {n: v for n, v in body.items() if n not in _READ and v is not None}
    if own.get("truncation") == "disabled":
        # Nobody truncates unasked.
        del own["truncation"]
    wanted = [each for each in list_in(body, "include") if each not in _INCLUDED]
    return {**own, "include": wanted} if wanted else own


_INCLUDED = (_ENCRYPTED, _LOGPROBS)


def _members(told: JSON, at: str, *, read: set[str]) -> dict[str, Any]:
    return {
        f"{at}{name}": value
        for name, value in told.items()
        if name not in read and value is not None
    }


def _logprobs(body: JSON) -> int | None:
    """Return how many alternatives are wanted beside each token; None: no figures."""
    top = integer_in(body, "top_logprobs")
    return (top or 0) if top or _LOGPROBS in list_in(body, "include") else None


def _effort(reasoning: JSON) -> str:
    effort = text_in(reasoning, "effort", "reasoning.")
    if effort and effort not in _EFFORTS:
        raise Malformed("'reasoning.effort' is not a known effort.", "reasoning.effort")
    return effort


def _output_format(wanted: JSON) -> OutputFormat:
    place = "text.format."
    match wanted.get("type"):
        case "json_object":
            return OutputFormat("json_object")
        case "json_schema":
            return OutputFormat(
                "json_schema",
                name=text_in(wanted, "name", place),
                schema=object_in(wanted, "schema", place),
                strict=wanted.get("strict") is True,
            )
        case "text":
            return OutputFormat()
    if wanted:
        raise Malformed(f"'{place}type' is not a known format.", f"{place}type")
    return OutputFormat()


def _metadata(metadata: JSON) -> dict[str, str]:
    if not all(type(value) is str for value in metadata.values()):
        raise Malformed("'metadata' must hold strings.", "metadata")
    return metadata
