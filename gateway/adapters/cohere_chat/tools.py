"""Tools, and whether they are to be called."""

from collections.abc import Sequence
from typing import Any

from gateway.adapters.cohere_chat.models import Abilities
from gateway.adapters.cohere_chat.names import written_name
from gateway.adapters.cohere_chat.schema import Inexpressible, convert_schema
from gateway.canonical import ChatRequest, Tool
from gateway.types import JSON

# All tools together, when they are strict.
_MAX_FIELDS = 200


def write_tools(request: ChatRequest, abilities: Abilities, dropped: list[str]) -> JSON:
    """Return the members about tools; what cannot be said is added to `dropped`."""
    wanted = request.tool_choice
    mode = wanted.mode if wanted is not None else "auto"
    tools: Sequence[Tool] = request.tools
    if wanted is not None and mode == "named":
        # No tool is named here: it is the only one, and one must be called.
        tools = [tool for tool in tools if tool.name == wanted.name]
    if not tools:
        if mode in {"required", "named"}:
            dropped.append("tool_choice")
        tools = request.tools
    if not tools or (mode == "none" and not abilities.tool_choice):
        return {}
    sent: JSON = {}
    schemas = _strict(tools) if any(tool.strict for tool in tools) else None
    if schemas is not None:
        sent["strict_tools"] = True
    sent["tools"] = [
        _tool(tool, schema)
        for tool, schema in zip(
            tools, schemas or [tool.parameters for tool in tools], strict=True
        )
    ]
    if mode in {"required", "named"} and "tool_choice" not in dropped:
        if abilities.tool_choice:
            sent["tool_choice"] = "REQUIRED"
        else:
            dropped.append("tool_choice")
    elif mode == "none":
        sent["tool_choice"] = "NONE"
    return sent


def _tool(tool: Tool, parameters: JSON) -> JSON:
    function: JSON = {"name": written_name(tool.name)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = {"type": "object", "properties": {}} | parameters
    return {"type": "function", "function": function}


def _strict(tools: Sequence[Tool]) -> list[JSON] | None:
    """Return the parameters as strict tools have them; None when one cannot be strict."""
    try:
        schemas = [convert_schema(tool.parameters) for tool in tools]
    except Inexpressible:
        return None
    return schemas if sum(map(_fields, schemas)) <= _MAX_FIELDS else None


def _fields(node: Any) -> int:
    """Return how many properties all objects of the schema have together."""
    if isinstance(node, list):
        return sum(map(_fields, node))
    if not isinstance(node, dict):
        return 0
    own = node.get("properties")
    return (len(own) if isinstance(own, dict) else 0) + sum(map(_fields, node.values()))
