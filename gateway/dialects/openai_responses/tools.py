"""The tools of a request, and which of them the model may call."""

from typing import Any

from gateway.body_fields import Malformed, object_in, objects_in, text_in
from gateway.canonical import Tool, ToolChoice
from gateway.types import JSON

_NO_CHOICE = (
    "'tool_choice' must be 'none', 'auto', 'required', or name a function of 'tools'."
)
# An answer without it is one that the model could have given anyway.
_SEARCH = "web_search"


def parse_tools(body: JSON) -> tuple[tuple[Tool, ...], dict[str, str]]:
    """Return the functions, and the names of the tools that are left out.

    A search is left out, as it is when a chat completion asks for one. The other tools
    that OpenAI runs reach what is the client's, so that an answer without them would
    only look like one: they are refused.
    """
    tools: list[Tool] = []
    left_out: dict[str, str] = {}
    for at, tool in objects_in(body, "tools"):
        kind = text_in(tool, "type", f"{at}.")
        if kind.startswith(_SEARCH):
            left_out[f"tools.{kind[:60]}"] = kind
        elif kind == "function":
            tools.append(_function(tool, at))
        else:
            msg = (
                f"'{at}': a tool of type {kind[:60]!r} works with OpenAI's own models "
                "only, and the model that was chosen is spoken to differently. Offer a "
                "function instead."
            )
            raise Malformed(msg, f"{at}.type")
    return tuple(tools), left_out


def parse_tool_choice(
    body: JSON, tools: tuple[Tool, ...]
) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """Return the choice, and the tools that it leaves."""
    choice = body.get("tool_choice")
    if choice is None:
        return tools, None
    if type(choice) is dict and choice.get("type") == "allowed_tools":
        names = {
            text_in(tool, "name", f"{at}.")
            for at, tool in objects_in(choice, "tools", "tool_choice.")
        }
        left = tuple(tool for tool in tools if tool.name in names)
        return left, _mode(choice.get("mode"), left)
    if type(choice) is dict and choice.get("type") == "function":
        name = text_in(choice, "name", "tool_choice.")
        if any(tool.name == name for tool in tools):
            return tools, ToolChoice("named", name)
    return tools, _mode(choice, tools)


def _function(tool: JSON, at: str) -> Tool:
    name = text_in(tool, "name", f"{at}.")
    if not name:
        raise Malformed(f"'{at}.name' must be given.", f"{at}.name")
    return Tool(
        name=name,
        description=text_in(tool, "description", f"{at}."),
        parameters=object_in(tool, "parameters", f"{at}."),
        strict=tool.get("strict") is True,
    )


def _mode(mode: Any, tools: tuple[Tool, ...]) -> ToolChoice | None:
    match mode:
        case "required" if not tools:
            msg = "'tool_choice' requires a call, and 'tools' holds no function."
            raise Malformed(msg, "tool_choice")
        case "none" | "auto" | "required":
            return ToolChoice(mode) if tools else None
    raise Malformed(_NO_CHOICE, "tool_choice")
