"""Tools, and the schemas that OpenAI accepts as strict."""

from collections.abc import Callable
from typing import Any

from gateway.canonical import ChatRequest, Tool, ToolChoice
from gateway.types import JSON

NO_PARAMETERS: JSON = {"type": "object", "properties": {}}


def _tool(tool: Tool) -> JSON:
    function: JSON = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = tool.parameters or NO_PARAMETERS
    if tool.strict and has_strict_shape(tool.parameters):
        function["strict"] = True
    return {"type": "function", "function": function}


def _choice(choice: ToolChoice) -> str | JSON:
    if choice.mode == "named":
        return {"type": "function", "function": {"name": choice.name}}
    return choice.mode


def write_tools(
    request: ChatRequest,
    body: JSON,
    tool_in: Callable[[Tool], JSON] = _tool,
    choice_in: Callable[[ToolChoice], str | JSON] = _choice,
) -> list[str]:
    """Write tools and what is said about them; return what cannot stand without tools.

    The Responses API has other words for a tool and for the choice of one.
    """
    choice = request.tool_choice
    if not request.tools:
        needs_tools = choice is not None and choice.mode in {"required", "named"}
        return ["tool_choice"] if needs_tools else []
    body["tools"] = [tool_in(tool) for tool in request.tools]
    if choice is not None:
        body["tool_choice"] = choice_in(choice)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls
    return []


def has_strict_shape(schema: JSON) -> bool:
    """Say whether every object is closed and requires all that it names.

    Only then is a schema accepted as strict:
    https://platform.openai.com/docs/guides/structured-outputs
    """
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            if not _is_closed(node):
                return False
            waiting += node.values()
    return True


def _is_closed(node: JSON) -> bool:
    if node.get("type") != "object" and "properties" not in node:
        return True
    properties, required = node.get("properties", {}), node.get("required", [])
    return (
        node.get("additionalProperties") is False
        and isinstance(properties, dict)
        and isinstance(required, list)
        and all(isinstance(name, str) for name in required)
        and set(required) == set(properties)
    )
