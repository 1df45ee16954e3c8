"""Tools, and which of them to call."""

from gateway.adapters.bedrock_converse.conversation import CACHE_POINT
from gateway.adapters.bedrock_converse.families import Family
from gateway.adapters.bedrock_converse.names import tool_name
from gateway.canonical import ChatRequest, Tool, ToolChoice
from gateway.types import JSON

_ANY: JSON = {"type": "object", "properties": {}}


def build_tools(
    request: ChatRequest,
    turns: list[JSON],
    family: Family,
    dropped: list[str],
    *,
    can_force: bool,
) -> JSON:
    """Return the tool configuration, empty when there are no tools.

    A history that holds calls needs the tools described, even where none may be called.
    """
    wanted = request.tool_choice
    called = _called_in(turns)
    if wanted is not None and wanted.mode == "none":
        if not called:
            return {}
        dropped.append("tool_choice")
        wanted = None
    # The names in the history are the protocol's own already.
    tools = _offered(request, family) or [_spec(name, _ANY) for name in called]
    if not tools:
        return {}
    if request.parallel_tool_calls is False:
        dropped.append("parallel_tool_calls")
    if wanted is None:
        return {"tools": tools}
    if not can_force:
        if wanted.mode != "auto":
            dropped.append("tool_choice")
        return {"tools": tools}
    return {"tools": tools, "toolChoice": _choice(wanted)}


def _choice(wanted: ToolChoice) -> JSON:
    match wanted.mode:
        case "required":
            return {"any": {}}
        case "named":
            return {"tool": {"name": tool_name(wanted.name)}}
        case _:
            return {"auto": {}}


def _offered(request: ChatRequest, family: Family) -> list[JSON]:
    offered: list[JSON] = []
    for tool in request.tools:
        offered.append(_tool(tool))
        if tool.cached and family.caches:
            offered.append(CACHE_POINT)
    return offered


def _tool(tool: Tool) -> JSON:
    spec = _spec(tool_name(tool.name), _ANY | tool.parameters)
    if tool.description:
        spec["toolSpec"]["description"] = tool.description
    return spec


def _spec(name: str, schema: JSON) -> JSON:
    return {"toolSpec": {"name": name, "inputSchema": {"json": schema}}}


def _called_in(turns: list[JSON]) -> list[str]:
    """Return the names that were called, each once, as the protocol writes them."""
    called = (
        block["toolUse"]["name"]
        for turn in turns
        for block in turn["content"]
        if "toolUse" in block
    )
    return list(dict.fromkeys(called))
