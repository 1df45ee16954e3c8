"""Tools, which lie flat in this protocol."""

from gateway.adapters.openai_chat.tools import NO_PARAMETERS, has_strict_shape
from gateway.adapters.reading import object_of
from gateway.canonical import Tool, ToolChoice
from gateway.types import JSON


def flat_tool(tool: Tool) -> JSON:
    written: JSON = {"type": "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["parameters"] = tool.parameters or NO_PARAMETERS
    # Said either way: who says nothing has the schema taken for a strict one.
    written["strict"] = tool.strict and has_strict_shape(tool.parameters)
    return written


def flat_choice(choice: ToolChoice) -> str | JSON:
    if choice.mode == "named":
        return {"type": "function", "name": choice.name}
    return choice.mode


def search_tool(options: JSON) -> JSON:
    """Return the tool for what chat completions say with `web_search_options`."""
    tool: JSON = {"type": "web_search"}
    if size := options.get("search_context_size"):
        tool["search_context_size"] = size
    where = object_of(options.get("user_location"))
    if place := where.get("approximate"):
        tool["user_location"] = {"type": "approximate", **object_of(place)}
    return tool
