"""Reads a request for a message, as strictly as Anthropic does."""

import re
from typing import Any

from gateway.simulator.anthropic_schemas import check_schema
from gateway.simulator.anthropic_turns import turns_of
from gateway.simulator.checks import names_in, refuse, whole_number
from gateway.simulator.models import reasons
from gateway.simulator.transcript import Turn, ask_of
from gateway.simulator.types import JSON, Ask, Head, Tool

VERSIONS = ("2023-06-01", "2026-10-21")
_SAMPLING = ("temperature", "top_p", "top_k")
_COUNTED = names_in(
    "messages model cache_control system thinking tool_choice tools output_config "
    "context_management mcp_servers"
)
_FIELDS = _COUNTED | names_in(
    "max_tokens container diagnostics inference_geo metadata service_tier speed "
    "stop_sequences stream temperature top_p top_k"
)
_TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_EFFORTS = {"low", "medium", "high", "xhigh", "max"}
_LEAST_BUDGET = 1024
_MOST_BREAKPOINTS = 4


def parse(body: JSON, head: Head) -> Ask:
    """Return what is wanted, or raise Refused with Anthropic's own wording."""
    version = version_of(head)
    _check_fields(body, _FIELDS)
    ask = _read_conversation(body, version)
    _read_limits(ask, body, version)
    _read_tools(ask, body)
    _read_thinking(ask, body)
    _read_output(ask, body)
    ask.stream = body.get("stream") is True
    ask.include_usage = True
    return ask


def parse_count(body: JSON, head: Head) -> Ask:
    """Return a request that wants its tokens counted and nothing else."""
    version = version_of(head)
    _check_fields(body, _COUNTED)
    ask = _read_conversation(body, version)
    ask.is_free = True
    return ask


def version_of(head: Head) -> str:
    version = head.header(b"anthropic-version")
    if version is None:
        refuse("anthropic-version: header is required")
    if version not in VERSIONS:
        refuse(f'anthropic-version: "{version}" is not a valid version')
    return version


def _check_fields(body: JSON, known: frozenset[str]) -> None:
    for name in ("model", "messages", "max_tokens"):
        if name in known and name not in body:
            refuse(f"{name}: Field required")
    for name in body:
        if name not in known:
            refuse(f"{name}: Extra inputs are not permitted")


def _read_conversation(body: JSON, version: str) -> Ask:
    model, messages = body["model"], body["messages"]
    if not isinstance(model, str) or not model:
        refuse("model: String should have at least 1 character")
    if not isinstance(messages, list) or not messages:
        refuse("messages: at least one message is required")
    if len(list(_breakpoints(body))) > _MOST_BREAKPOINTS:
        refuse("A maximum of 4 blocks with cache_control may be provided.")
    turns = [*_system(body.get("system")), *turns_of(messages, model, version)]
    return ask_of(model, turns)


def _system(system: Any) -> list[Turn]:
    if system is None:
        return []
    if isinstance(system, str):
        return [Turn("system", system)]
    if not isinstance(system, list):
        refuse("system: Input should be a valid list")
    turns = []
    for at, block in enumerate(system):
        if not isinstance(block, dict) or block.get("type") != "text":
            refuse(f"system.{at}.type: Input should be 'text'")
        text = block.get("text")
        if not isinstance(text, str) or not text.strip():
            refuse("system: text content blocks must be non-empty")
        turns.append(Turn("system", text))
    return turns


def _breakpoints(value: Any) -> Any:
    """Yield each place in a request that shall be cached."""
    if isinstance(value, list):
        for each in value:
            yield from _breakpoints(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key == "cache_control" and each is not None:
                yield each
            elif key not in {"input", "input_schema"}:
                yield from _breakpoints(each)


def caches_for_an_hour(body: JSON) -> bool:
    marks = _breakpoints(body)
    return any(isinstance(each, dict) and each.get("ttl") == "1h" for each in marks)


def _read_limits(ask: Ask, body: JSON, version: str) -> None:
    most = body["max_tokens"]
    if not whole_number(most):
        refuse("max_tokens: Input should be a valid integer")
    if most < 0:
        refuse("max_tokens: Input should be greater than or equal to 0")
    ask.max_tokens = most
    stops = body.get("stop_sequences") or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        refuse("stop_sequences: Input should be a valid list")
    if not all(stop.strip() for stop in stops):
        refuse("stop_sequences: each stop sequence must contain non-whitespace")
    ask.stop = stops
    _check_sampling(body, version)
    person = (body.get("metadata") or {}).get("user_id")
    if isinstance(person, str) and "@" in person:
        refuse("metadata.user_id: user_id appears to contain an email address")


def _check_sampling(body: JSON, version: str) -> None:
    if version != VERSIONS[0]:
        for name in _SAMPLING:
            if name in body:
                refuse(f"{name}: Extra inputs are not permitted")
    for name in ("temperature", "top_p"):
        value = body.get(name)
        if value is not None and not (
            isinstance(value, int | float) and 0 <= value <= 1
        ):
            refuse(f"{name}: range: 0..1")


def _read_tools(ask: Ask, body: JSON) -> None:
    for at, tool in enumerate(body.get("tools") or []):
        if not isinstance(tool, dict):
            refuse(f"tools.{at}: Input should be a valid dictionary")
        if tool.get("type") in {None, "custom"}:
            ask.tools.append(_tool(tool, f"tools.{at}.custom"))
        elif "function" in tool or not isinstance(tool.get("name"), str):
            refuse(
                f"tools.{at}: Input tag '{tool['type']}' found using 'type' does not "
                "match any of the expected tags"
            )
    names = [tool.name for tool in ask.tools]
    if len(names) > len(set(names)):
        refuse("tools: Tool names must be unique.")
    choice = body.get("tool_choice")
    if choice is not None:
        _read_choice(ask, choice, has_tools=bool(body.get("tools")))


def _tool(tool: JSON, place: str) -> Tool:
    name, schema = tool.get("name"), tool.get("input_schema")
    if not isinstance(name, str) or not _TOOL_NAME.fullmatch(name):
        refuse(f"{place}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
    if not isinstance(schema, dict):
        refuse(f"{place}.input_schema: Field required")
    if schema.get("type") != "object":
        refuse(f"{place}.input_schema.type: Field required")
    if tool.get("strict") is True:
        check_schema(schema, f"{place}.input_schema")
    return Tool(name, schema)


def _read_choice(ask: Ask, choice: Any, *, has_tools: bool) -> None:
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in {"auto", "any", "tool", "none"}:
        refuse(
            "tool_choice: Input tag found using 'type' does not match any of the "
            "expected tags: 'auto', 'any', 'tool', 'none'"
        )
    if not has_tools:
        refuse("tool_choice may only be specified while providing tools")
    if kind == "none":
        if "disable_parallel_tool_use" in choice:
            refuse(
                "tool_choice.none.disable_parallel_tool_use: Extra inputs are not "
                "permitted"
            )
        ask.tools = []
    elif kind == "any":
        ask.must_call = ""
    elif kind == "tool":
        ask.must_call = str(choice.get("name"))
        if ask.must_call not in {tool.name for tool in ask.tools}:
            refuse(f"Tool '{ask.must_call}' not found in provided tools")
    ask.one_call_only = choice.get("disable_parallel_tool_use") is True


def _read_thinking(ask: Ask, body: JSON) -> None:
    """Take the wish to think; a model that cannot reason ignores it."""
    thinking = body.get("thinking")
    kind = thinking.get("type") if isinstance(thinking, dict) else None
    ask.thinks = False
    if thinking is None or kind == "disabled":
        return
    if kind not in {"enabled", "adaptive"}:
        refuse(
            "thinking: Input tag found using 'type' does not match any of the "
            "expected tags: 'adaptive', 'disabled', 'enabled'"
        )
    if kind == "enabled":
        _check_budget(thinking, body["max_tokens"])
    if ask.must_call is not None:
        refuse("Thinking may not be enabled when tool_choice forces tool use.")
    if body.get("temperature") not in {None, 1}:
        refuse("`temperature` may only be set to 1 when thinking is enabled.")
    ask.thinks = reasons(ask.model)
    # Adaptive thinking keeps to itself unless a summary is asked for.
    usual = "omitted" if kind == "adaptive" else "summarized"
    ask.shows_thoughts = thinking.get("display", usual) == "summarized"


def _check_budget(thinking: JSON, max_tokens: int) -> None:
    budget = thinking.get("budget_tokens")
    if not whole_number(budget):
        refuse("thinking.enabled.budget_tokens: Field required")
    if budget < _LEAST_BUDGET:
        refuse(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            "1024"
        )
    if budget >= max_tokens:
        refuse("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _read_output(ask: Ask, body: JSON) -> None:
    config = body.get("output_config") or {}
    for name in config:
        if name not in {"effort", "format", "task_budget"}:
            refuse(f"output_config.{name}: Extra inputs are not permitted")
    if config.get("effort") not in {None, *_EFFORTS}:
        refuse(
            "output_config.effort: Input should be 'low', 'medium', 'high', "
            "'xhigh' or 'max'"
        )
    wanted = config.get("format")
    if wanted is None:
        return
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        refuse("output_config.format.type: Input should be 'json_schema'")
    if not isinstance(wanted.get("schema"), dict):
        refuse("output_config.format.schema: Field required")
    check_schema(wanted["schema"], "output_config.format.schema")
    ask.schema = wanted["schema"]
