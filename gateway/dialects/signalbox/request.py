"""A body as a canonical request."""

from gateway.body_fields import integer_in, number_in, object_in, text_in
from gateway.canonical import ChatRequest, Message, OutputFormat, Text
from gateway.dialects.openai_chat import Malformed
from gateway.dialects.openai_chat.messages import parse_messages
from gateway.dialects.openai_chat.tools import parse_tool_choice, parse_tools
from gateway.dialects.signalbox.protocol import NAME
from gateway.types import JSON

_FORMAT = "responseFormat"
_PLAIN = ("", "text")
_JSON = ("json", "json_object")
_SCHEMA = "json_schema"


def parse_request(body: JSON) -> ChatRequest:
    """Read a body. Raises `Malformed`."""
    tools, choice = parse_tools(body), None
    if body.get("toolChoice") is not None:
        try:
            tools, choice = parse_tool_choice(
                {"tool_choice": body["toolChoice"]}, tools
            )
        except Malformed as error:
            msg = str(error).replace("tool_choice", "toolChoice")
            raise Malformed(msg, "toolChoice") from error
    return ChatRequest(
        messages=tuple(_messages(body)),
        max_output_tokens=integer_in(body, "maxTokens"),
        temperature=number_in(body, "temperature"),
        tools=tools,
        tool_choice=choice,
        output_format=output_format(body),
        protocol=NAME,
    )


def _messages(body: JSON) -> list[Message]:
    messages: list[Message] = []
    if system := text_in(body, "systemPrompt"):
        messages.append(Message("system", (Text(system),)))
    if prompt := text_in(body, "prompt"):
        messages.append(Message("user", (Text(prompt),)))
    else:
        messages += parse_messages(body)
    return messages


def output_format(body: JSON) -> OutputFormat:
    """Return the wanted format: a word, our own object, or OpenAI's."""
    wanted = body.get(_FORMAT)
    if wanted is None:
        return OutputFormat()
    if type(wanted) is str:
        wanted = {"type": wanted}
    if type(wanted) is not dict:
        msg = f"'{_FORMAT}' must be a word or an object."
        raise Malformed(msg, _FORMAT)
    kind = text_in(wanted, "type", f"{_FORMAT}.")
    if kind in _PLAIN:
        return OutputFormat()
    if kind in _JSON:
        return OutputFormat("json_object")
    if kind != _SCHEMA:
        msg = f"'{_FORMAT}' must be text, json or {_SCHEMA}."
        raise Malformed(msg, f"{_FORMAT}.type" if body[_FORMAT] is wanted else _FORMAT)
    return _schema_in(wanted)


def _schema_in(wanted: JSON) -> OutputFormat:
    """Return the schema, which OpenAI's shape wraps in `json_schema`."""
    place = f"{_FORMAT}."
    described = wanted
    if _SCHEMA in wanted:
        described = object_in(wanted, _SCHEMA, place)
        place += f"{_SCHEMA}."
    schema = object_in(described, "schema", place)
    if not schema:
        raise Malformed(f"'{place}schema' must be given.", f"{place}schema")
    return OutputFormat(
        "json_schema",
        name=text_in(described, "name", place),
        schema=schema,
        strict=described.get("strict") is True,
    )
