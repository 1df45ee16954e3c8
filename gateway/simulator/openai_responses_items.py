"""Reads the input of a Responses request, as strictly as OpenAI does."""

from typing import Any

from gateway.simulator.checks import refuse
from gateway.simulator.models import sees_images
from gateway.simulator.signatures import is_signed
from gateway.simulator.transcript import Turn
from gateway.simulator.types import JSON

SIGNER = "openai_responses"
_MAX_CALL_ID = 64
_ROLES = ("assistant", "system", "developer", "user")
_SAID = ("output_text", "refusal")
_GIVEN = ("input_text", "input_image", "input_file")
# Where each kind of attachment may be found.
_SOURCES = {
    "input_image": ("image_url", "file_id"),
    "input_file": ("file_data", "file_url", "file_id"),
}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def turns_of(value: Any, model: str) -> list[Turn]:
    """Return what an input says, or raise Refused with OpenAI's own wording."""
    if value is None:
        refuse(
            "Missing required parameter: 'input'.",
            "input",
            "missing_required_parameter",
        )
    if isinstance(value, str):
        return [Turn("user", value)]
    if not isinstance(value, list):
        refuse(
            "Invalid type for 'input': expected one of a string or an array of "
            "objects.",
            "input",
            "invalid_type",
        )
    reader = _InputReader(model)
    for at, item in enumerate(value):
        reader.read(item, f"input[{at}]")
    reader.finish()
    return reader.turns


class _InputReader:
    def __init__(self, model: str) -> None:
        self.model = model
        self.turns: list[Turn] = []
        self._open_calls: list[str] = []

    def read(self, item: Any, at: str) -> None:
        if not isinstance(item, dict):
            refuse(f"Invalid type for '{at}': expected an object.", at, "invalid_type")
        kind = item.get("type", "message" if "role" in item else None)
        if kind == "message":
            self._read_message(item, at)
        elif kind in _CALLS:
            self._read_call(item, at, _CALLS[kind])
        elif kind in _OUTPUTS:
            self._read_output(item, at)
        elif kind == "reasoning":
            self._check_reasoning(item, at)
        else:
            refuse(
                f"Invalid value: {kind!r}. Supported values are: 'message', "
                "'function_call', 'function_call_output', 'custom_tool_call', "
                "'custom_tool_call_output', and 'reasoning'.",
                f"{at}.type",
                "invalid_value",
            )

    def finish(self) -> None:
        """Refuse calls that nobody answered."""
        for call_id in self._open_calls:
            refuse(f"No tool output found for function call {call_id}.", "input")

    def _read_message(self, item: JSON, at: str) -> None:
        role = item.get("role")
        if role not in _ROLES:
            refuse(
                f"Invalid value: {role!r}. Supported values are: 'assistant', "
                "'system', 'developer', and 'user'.",
                f"{at}.role",
                "invalid_value",
            )
        known = _SAID if role == "assistant" else _GIVEN
        parts = _parts(item.get("content"), f"{at}.content", known, self.model)
        self.turns.append(_turn(str(role), parts))

    def _read_call(self, item: JSON, at: str, said: str) -> None:
        call_id = _string(item, "call_id", at)
        if len(call_id) > _MAX_CALL_ID:
            refuse(
                f"Invalid '{at}.call_id': string too long. Expected a string with "
                f"maximum length {_MAX_CALL_ID}, but got a string with length "
                f"{len(call_id)} instead.",
                f"{at}.call_id",
                "string_above_max_length",
            )
        text = f"{_string(item, 'name', at)} {_string(item, said, at)}"
        self._open_calls.append(call_id)
        self.turns.append(Turn("assistant", text))

    def _read_output(self, item: JSON, at: str) -> None:
        call_id = _string(item, "call_id", at)
        if call_id not in self._open_calls:
            refuse(
                f"No tool call found for function call output with call_id {call_id}.",
                "input",
            )
        self._open_calls.remove(call_id)
        parts = _parts(item.get("output"), f"{at}.output", _GIVEN, self.model)
        self.turns.append(_turn("tool", parts))

    def _check_reasoning(self, item: JSON, at: str) -> None:
        if not isinstance(item.get("summary"), list):
            refuse(
                f"Missing required parameter: '{at}.summary'.",
                f"{at}.summary",
                "missing_required_parameter",
            )
        item_id, sealed = item.get("id"), item.get("encrypted_content")
        if sealed is None:
            refuse(
                f"Item with id '{item_id}' not found. Items are not persisted when "
                "`store` is set to false. Try again with `store` set to true, or "
                "remove this item from your input.",
                "input",
            )
        if not is_signed(SIGNER, self.model, str(item_id), sealed):
            refuse(
                f"The encrypted content for item {item_id} could not be verified. "
                "Reason: Encrypted content item_id did not match the target item id.",
                None,
                "invalid_encrypted_content",
            )


def _string(item: JSON, name: str, at: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        refuse(
            f"Missing required parameter: '{at}.{name}'.",
            f"{at}.{name}",
            "missing_required_parameter",
        )
    return value


def _parts(value: Any, at: str, known: tuple[str, ...], model: str) -> list[JSON]:
    if isinstance(value, str):
        return [{"type": known[0], "text": value}]
    if not isinstance(value, list):
        refuse(
            f"Invalid type for '{at}': expected one of an array of objects or a "
            "string.",
            at,
            "invalid_type",
        )
    for number, part in enumerate(value):
        _check_part(part, f"{at}[{number}]", known, model)
    return list(value)


def _check_part(part: Any, at: str, known: tuple[str, ...], model: str) -> None:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in known:
        listed = ", ".join(repr(each) for each in known)
        refuse(
            f"Invalid value: {kind!r}. Supported values are: {listed}.",
            f"{at}.type",
            "invalid_value",
        )
    if kind not in _SOURCES:
        _string(part, "refusal" if kind == "refusal" else "text", at)
    elif sum(isinstance(part.get(name), str) for name in _SOURCES[kind]) != 1:
        refuse(
            f"Invalid '{at}': exactly one of {', '.join(_SOURCES[kind])} is needed.",
            at,
            "invalid_value",
        )
    elif kind == "input_image" and not sees_images(model):
        refuse(
            "Invalid content type. input_image is only supported by certain models.",
            f"{at}.type",
        )
    elif "file_data" in part and not part.get("filename"):
        refuse(
            f"Missing required parameter: '{at}.filename'.",
            f"{at}.filename",
            "missing_required_parameter",
        )


def _turn(role: str, parts: list[JSON]) -> Turn:
    return Turn(
        role,
        " ".join(
            str(part.get("text", part.get("refusal")))
            for part in parts
            if part["type"] not in _SOURCES
        ),
        images=sum(part["type"] == "input_image" for part in parts),
        others=sum(part["type"] == "input_file" for part in parts),
    )
