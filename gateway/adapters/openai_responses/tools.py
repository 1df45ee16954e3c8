"""Tools, which lie flat in this protocol."""

from gateway.adapters.openai_chat.tools import has_strict_shape
from gateway.adapters.reading import object_of
from gateway.canonical import ChatRequest, Tool, ToolChoice
from gateway.types import JSON

_NO_PARAMETERS: JSON = {"type": "object", "properties": {}}


def write_tools(request: ChatRequest, body: JSON) -> list[str]:
    """Write tools and what is said about them; return what cannot stand without tools."""
    choice = request.tool_choice
    if not request.tools:
        needs_tools = choice is not None and choice.mode in {"required", "named"}
        return ["tool_choice"] if needs_tools else []
    body["tools"] = [_tool(tool) for tool in request.tools]
    if choice is not None:
        body["tool_choice"] = _choice(choice)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    return []


def _tool(tool: Tool) -> JSON:
    written: JSON = {"type": "function", "name": tool.name}
    if tool.description:
        written["description"] = tool.description
    written["parameters"] = tool.parameters or _NO_PARAMETERS
    # Said either way: who says nothing has the schema taken for a strict one.
    written["strict"] = tool.strict and has_strict_shape(tool.parameters)
    return written


def _choice(choice: ToolChoice) -> str | JSON:
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
