"""Reads a Responses request, as strictly as OpenAI does."""

from typing import Any

from gateway.simulator.behaviour import split_suffix
from gateway.simulator.checks import names_in, refuse, whole_number
from gateway.simulator.models import NORMAL, reasons
from gateway.simulator.openai_responses_items import turns_of
from gateway.simulator.openai_schemas import check_strict
from gateway.simulator.transcript import Turn, ask_of
from gateway.simulator.types import JSON, Ask, Tool

SEALED = "reasoning.encrypted_content"
_LEAST_OUTPUT = 16
_KNOWN = names_in(
    "access_programs background context_management conversation image include input "
    "instructions max_output_tokens max_tool_calls metadata model moderation "
    "parallel_tool_calls previous_response_id prompt prompt_cache_key "
    "prompt_cache_options prompt_cache_retention reasoning safety_identifier "
    "service_tier store stream stream_options temperature text tool_choice tools "
    "top_logprobs top_p truncation user"
)
_MOVED = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
_INCLUDABLE = names_in(
    "file_search_call.results web_search_call.results web_search_call.action.sources "
    "message.input_image.image_url computer_call_output.output.image_url "
    "code_interpreter_call.outputs reasoning.encrypted_content "
    "message.output_text.logprobs"
)
_EFFORTS = names_in("none minimal low medium high xhigh max")
_SUMMARIES = names_in("auto concise detailed")
_CHOICES = names_in("none auto required")


def parse(body: JSON) -> Ask:
    """Return what is wanted, or raise Refused with OpenAI's own wording."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        refuse(
            "Missing required parameter: 'model'.",
            "model",
            "missing_required_parameter",
        )
    _check_names(body)
    turns = turns_of(body.get("input"), model)
    instructions = body.get("instructions")
    if instructions is not None:
        turns.insert(0, Turn("system", str(instructions)))
    ask = ask_of(model, turns)
    ask.stream = body.get("stream") is True
    ask.max_tokens = _max_tokens(body)
    _check_stream_options(ask, body)
    _read_tools(ask, body)
    _read_format(ask, body, "".join(turn.text for turn in turns if turn.role != "tool"))
    _read_reasoning(ask, body)
    return ask


def _check_names(body: JSON) -> None:
    for name in body:
        if name in _MOVED:
            refuse(
                f"Unsupported parameter: '{name}'. In the Responses API, this "
                f"parameter has moved to '{_MOVED[name]}'.",
                name,
                "unsupported_parameter",
            )
        if name not in _KNOWN:
            refuse(f"Unknown parameter: '{name}'.", name, "unknown_parameter")
    # Nothing is kept, so nothing can be gone back to.
    for name in ("previous_response_id", "conversation"):
        if (kept := body.get(name)) is not None:
            refuse(
                f"Previous response with id '{kept}' not found.",
                name,
                "previous_response_not_found",
            )


def _max_tokens(body: JSON) -> int | None:
    value = body.get("max_output_tokens")
    if value is None:
        return None
    if not whole_number(value):
        refuse(
            "Invalid type for 'max_output_tokens': expected an integer.",
            "max_output_tokens",
            "invalid_type",
        )
    if value < _LEAST_OUTPUT:
        refuse(
            "Invalid 'max_output_tokens': integer below minimum value. Expected a "
            f"value >= {_LEAST_OUTPUT}, but got {value} instead.",
            "max_output_tokens",
            "integer_below_min_value",
        )
    return value


def _check_stream_options(ask: Ask, body: JSON) -> None:
    options = body.get("stream_options")
    if options is None:
        return
    if not ask.stream:
        refuse(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        )
    for name in options:
        if name != "include_obfuscation":
            place = f"stream_options.{name}"
            refuse(f"Unknown parameter: '{place}'.", place, "unknown_parameter")


def _read_tools(ask: Ask, body: JSON) -> None:
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        refuse("Invalid type for 'tools': expected an array.", "tools", "invalid_type")
    found = [_tool(tool, f"tools[{at}]") for at, tool in enumerate(tools)]
    ask.tools = [tool for tool in found if tool is not None]
    ask.one_call_only = body.get("parallel_tool_calls") is False
    choice = body.get("tool_choice")
    if choice is not None and not tools and choice not in ("none", "auto"):
        refuse(
            "Tool choice 'required' must be specified with 'tools' parameter.",
            "tool_choice",
        )
    if choice == "none":
        ask.tools = []
    elif choice == "required":
        ask.must_call = ""
    elif isinstance(choice, dict):
        _read_choice(ask, choice)
    elif choice is not None and choice not in _CHOICES:
        refuse(f"Invalid value: {choice!r}.", "tool_choice", "invalid_value")


def _read_choice(ask: Ask, choice: JSON) -> None:
    match choice.get("type"):
        case "function" | "custom":
            name = choice.get("name")
            if name not in {tool.name for tool in ask.tools}:
                refuse(
                    f"Tool choice '{name}' not found in 'tools' parameter.",
                    "tool_choice",
                )
            ask.must_call = str(name)
        case "allowed_tools":
            allowed = {tool.get("name") for tool in choice["tools"]}
            ask.tools = [tool for tool in ask.tools if tool.name in allowed]
            ask.must_call = "" if choice.get("mode") == "required" else None


def _tool(tool: Any, at: str) -> Tool | None:
    """Return a tool that the client runs; None for one of OpenAI's own."""
    if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
        refuse(
            f"Missing required parameter: '{at}.type'.",
            f"{at}.type",
            "missing_required_parameter",
        )
    if tool["type"] not in {"function", "custom"}:
        return None
    if not isinstance(tool.get("name"), str):
        refuse(
            f"Missing required parameter: '{at}.name'.",
            f"{at}.name",
            "missing_required_parameter",
        )
    if tool["type"] == "custom":
        return Tool(tool["name"], None)
    schema = tool.get("parameters") or {"type": "object"}
    if tool.get("strict") is True:
        check_strict(schema, f"function '{tool['name']}'", f"{at}.parameters")
    return Tool(tool["name"], schema)


def _read_format(ask: Ask, body: JSON, said: str) -> None:
    text = body.get("text")
    wanted = text.get("format") if isinstance(text, dict) else None
    if wanted is None:
        return
    match wanted.get("type"):
        case "text":
            pass
        case "json_object":
            if "json" not in said.lower():
                refuse(
                    "Response input messages must contain the word 'json' in some "
                    "form to use 'text.format' of type 'json_object'.",
                    "input",
                )
            ask.schema = {}
        case "json_schema":
            for name in ("name", "schema"):
                if name not in wanted:
                    place = f"text.format.{name}"
                    refuse(
                        f"Missing required parameter: '{place}'.",
                        place,
                        "missing_required_parameter",
                    )
            if wanted.get("strict") is True:
                place = "text.format.schema"
                name = f"response_format '{wanted['name']}'"
                check_strict(wanted["schema"], name, place)
            ask.schema = wanted["schema"]
        case kind:
            refuse(
                f"Invalid value: {kind!r}. Supported values are: 'json_object', "
                "'json_schema', and 'text'.",
                "text.format.type",
                "invalid_value",
            )


def _read_reasoning(ask: Ask, body: JSON) -> None:
    include = body.get("include") or []
    for at, name in enumerate(include):
        if name not in _INCLUDABLE:
            place = f"include[{at}]"
            refuse(f"Invalid value: {name!r}.", place, "invalid_value")
    if SEALED in include and _never_reasons(ask.model):
        refuse("Encrypted content is not supported with this model.", "include")
    told = body.get("reasoning") or {}
    for name, known in (("effort", _EFFORTS), ("summary", _SUMMARIES)):
        if (value := told.get(name)) is not None and value not in known:
            place = f"reasoning.{name}"
            refuse(f"Invalid value: {value!r}.", place, "invalid_value")
    ask.thinks = ask.thinks and told.get("effort") != "none"
    ask.shows_thoughts = told.get("summary") is not None


def _never_reasons(model: str) -> bool:
    """Tell whether there is nothing to seal; unknown models get the benefit of doubt."""
    base, _ = split_suffix(model)
    return base in NORMAL and not reasons(base)
