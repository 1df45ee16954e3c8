"""The tools of a request, and which of them the model may call."""

from typing import Any

from gateway.body_fields import Malformed, object_in, objects_in, text_in
from gateway.canonical import Tool, ToolChoice
from gateway.types import JSON

_NO_CHOICE = (
    "'tool_choice' must be 'none', 'auto', 'required', or name a function of 'tools'."
)


def parse_tools(body: JSON) -> tuple[Tool, ...]:
    tools = []
    for at, tool in objects_in(body, "tools"):
        if tool.get("type") != "function":
            raise Malformed(f"'{at}.type' must be 'function' here.", f"{at}.type")
        function = object_in(tool, "function", f"{at}.")
        place = f"{at}.function."
        name = text_in(function, "name", place)
        if not name:
            raise Malformed(f"'{place}name' must be given.", f"{place}name")
        tools.append(
            Tool(
                name=name,
                description=text_in(function, "description", place),
                parameters=object_in(function, "parameters", place),
                strict=function.get("strict") is True,
            )
        )
    return tuple(tools)


def parse_tool_choice(
    body: JSON, tools: tuple[Tool, ...]
) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """Return the choice, and the tools that it leaves."""
    choice = body.get("tool_choice")
    if choice is None:
        return tools, None
    if type(choice) is dict and choice.get("type") == "allowed_tools":
        allowed = object_in(choice, "allowed_tools", "tool_choice.")
        names = {
            _name(tool) for _, tool in objects_in(allowed, "tools", "tool_choice.")
        }
        left = tuple(tool for tool in tools if tool.name in names)
        return left, _mode(allowed.get("mode"))
    if type(choice) is dict and choice.get("type", "function") == "function":
        name = _name(choice)
        if any(tool.name == name for tool in tools):
            return tools, ToolChoice("named", name)
    return tools, _mode(choice)


def _mode(mode: Any) -> ToolChoice:
    match mode:
        case "none" | "auto" | "required":
            return ToolChoice(mode)
        case "any":
            return ToolChoice("required")
    raise Malformed(_NO_CHOICE, "tool_choice")


def _name(choice: JSON) -> str:
    return text_in(
        object_in(choice, "function", "tool_choice."), "name", "tool_choice."
    )
