"""Reads a chat completions request, as strictly as OpenAI does."""

from typing import Any, NoReturn

from gateway.simulator.models import sees_images
from gateway.simulator.openai_schemas import check_strict
from gateway.simulator.transcript import Turn, ask_of
from gateway.simulator.types import JSON, Ask, Failure, Refused, Tool

_ROLES = {"developer", "system", "user", "assistant", "tool", "function"}
_MOST_CHOICES = 128
_MOST_STOPS = 4


def parse(body: JSON) -> Ask:
    """Return what is wanted, or raise Refused with OpenAI's own wording."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        _refuse("you must provide a model parameter", None)
    turns = [_turn(message, at, model) for at, message in enumerate(_messages(body))]
    ask = ask_of(model, turns)
    ask.stream = body.get("stream") is True
    ask.max_tokens = _max_tokens(body)
    ask.stop = _stop(body)
    ask.choices = _choices(body)
    _read_stream_options(ask, body)
    _read_tools(ask, body)
    _read_format(ask, body)
    return ask


def _refuse(message: str, param: str | None, kind: str = "invalid") -> NoReturn:
    raise Refused(Failure(400, kind, message, param))


def _messages(body: JSON) -> list[JSON]:
    if "messages" not in body:
        _refuse(
            "Missing required parameter: 'messages'.",
            "messages",
            "missing_required_parameter",
        )
    messages = body["messages"]
    if not isinstance(messages, list):
        _refuse(
            "Invalid type for 'messages': expected an array of objects.",
            "messages",
            "invalid_type",
        )
    if not messages:
        _refuse(
            "Invalid 'messages': empty array. Expected an array with minimum length "
            "1, but got an empty array instead.",
            "messages",
            "empty_array",
        )
    for at, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in _ROLES:
            _refuse(
                "Invalid value: a message needs a role, one of 'system', 'developer', "
                "'assistant', 'user', 'tool' and 'function'.",
                f"messages[{at}].role",
                "invalid_value",
            )
    return list(messages)


def _turn(message: JSON, at: int, model: str) -> Turn:
    return Turn(
        role="tool" if message["role"] == "function" else message["role"],
        text=_text(message, at, model),
        images=_attachments(message, {"image_url"}),
        others=_attachments(message, {"input_audio", "file"}),
    )


def _text(message: JSON, at: int, model: str) -> str:
    """Return the text of a message, its parts joined, its tool calls included."""
    content = message.get("content")
    texts = []
    if isinstance(content, str):
        texts.append(content)
    elif isinstance(content, list):
        for number, part in enumerate(content):
            texts.append(_part(part, f"messages[{at}].content[{number}]", model))
    elif content is not None or message["role"] in {"user", "system", "developer"}:
        _refuse(
            "Invalid value for 'content': expected a string or an array of objects.",
            f"messages[{at}].content",
            "invalid_type",
        )
    for call in message.get("tool_calls") or []:
        if isinstance(call, dict):
            called = call.get("function") or call.get("custom") or {}
            texts += [str(called.get("name", "")), str(called.get("arguments", ""))]
    return " ".join(texts)


def _part(part: Any, place: str, model: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    match kind:
        case "text":
            return str(part.get("text", ""))
        case "refusal":
            return str(part.get("refusal", ""))
        case "image_url" if not sees_images(model):
            _refuse(
                "Invalid content type. image_url is only supported by certain models.",
                f"{place}.type",
            )
        case "image_url" | "input_audio" | "file":
            pass
        case _:
            _refuse(
                f"Invalid value: {kind!r}. Supported values are: 'text', 'image_url', "
                "'input_audio', 'refusal', 'audio', and 'file'.",
                f"{place}.type",
                "invalid_value",
            )
    return ""


def _attachments(message: JSON, kinds: set[str]) -> int:
    content = message.get("content")
    if not isinstance(content, list):
        return 0
    return sum(part.get("type") in kinds for part in content)


def _max_tokens(body: JSON) -> int | None:
    for name in ("max_completion_tokens", "max_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            _refuse(
                f"Invalid '{name}': expected an integer of at least 1.",
                name,
                "integer_below_min_value",
            )
        return int(value)
    return None


def _choices(body: JSON) -> int:
    wanted = body.get("n")
    if wanted is None:
        return 1
    if not isinstance(wanted, int) or not 1 <= wanted <= _MOST_CHOICES:
        _refuse("Invalid 'n': expected an integer from 1 to 128.", "n", "invalid_value")
    return int(wanted)


def _stop(body: JSON) -> list[str]:
    stop = body.get("stop")
    if isinstance(stop, str):
        return [stop]
    if stop is None:
        return []
    if not isinstance(stop, list) or len(stop) > _MOST_STOPS:
        _refuse("Invalid 'stop': expected at most 4 strings.", "stop", "invalid_type")
    return [str(each) for each in stop]


def _read_stream_options(ask: Ask, body: JSON) -> None:
    options = body.get("stream_options")
    if options is None:
        return
    if not ask.stream:
        _refuse(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        )
    ask.include_usage = isinstance(options, dict) and bool(options.get("include_usage"))


def _read_tools(ask: Ask, body: JSON) -> None:
    tools = body.get("tools") or []
    if not isinstance(tools, list):
        _refuse("Invalid type for 'tools': expected an array.", "tools", "invalid_type")
    ask.tools = [_tool(tool, at) for at, tool in enumerate(tools)]
    ask.one_call_only = body.get("parallel_tool_calls") is False
    choice = body.get("tool_choice")
    if choice is not None and not ask.tools:
        _refuse(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when "
            "'tools' are specified.",
            "tool_choice",
        )
    if choice == "none":
        ask.tools = []
    elif choice == "required":
        ask.must_call = ""
    elif isinstance(choice, dict):
        named = choice.get(str(choice.get("type")))
        ask.must_call = str(named.get("name", "")) if isinstance(named, dict) else None


def _tool(tool: Any, at: int) -> Tool:
    kind = tool.get("type") if isinstance(tool, dict) else None
    described = tool.get(kind) if kind in {"function", "custom"} else None
    if not isinstance(described, dict) or not isinstance(described.get("name"), str):
        _refuse(
            f"Missing required parameter: 'tools[{at}].function.name'.",
            f"tools[{at}].function.name",
            "missing_required_parameter",
        )
    if kind == "custom":
        return Tool(described["name"], None)
    return Tool(described["name"], described.get("parameters") or {"type": "object"})


def _read_format(ask: Ask, body: JSON) -> None:
    wanted = body.get("response_format")
    if not isinstance(wanted, dict):
        return
    match wanted.get("type"):
        case "json_object":
            if "json" not in ask.prompt.lower():
                _refuse(
                    "'messages' must contain the word 'json' in some form, to use "
                    "'response_format' of type 'json_object'.",
                    "messages",
                )
            ask.schema = {}
        case "json_schema":
            described = wanted.get("json_schema")
            if not isinstance(described, dict) or "name" not in described:
                _refuse(
                    "Missing required parameter: 'response_format.json_schema.name'.",
                    "response_format.json_schema.name",
                    "missing_required_parameter",
                )
            schema = described.get("schema") or {"type": "object"}
            if described.get("strict") is True:
                whose = f"response_format '{described['name']}'"
                check_strict(schema, whose, "response_format")
            ask.schema = schema
        case _:
            pass
