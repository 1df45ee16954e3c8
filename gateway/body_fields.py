"""Members of a body, each of the kind it must be."""

from typing import Any

from gateway.types import JSON

MAX_MODEL_LENGTH = 300


class Malformed(ValueError):
    """A body that is no valid request; `param` names the field."""

    def __init__(self, message: str, param: str | None) -> None:
        super().__init__(message)
        self.param = param


def number_in(body: JSON, name: str) -> float | None:
    value = body.get(name)
    if value is not None and type(value) is not int and type(value) is not float:
        raise Malformed(f"'{name}' must be a number.", name)
    return value


def integer_in(body: JSON, name: str) -> int | None:
    value = body.get(name)
    if value is not None and type(value) is not int:
        raise Malformed(f"'{name}' must be a whole number.", name)
    return value


def boolean_in(body: JSON, name: str) -> bool | None:
    value = body.get(name)
    if value is not None and type(value) is not bool:
        raise Malformed(f"'{name}' must be true or false.", name)
    return value


def text_in(body: JSON, name: str, at: str = "") -> str:
    """Return the string, empty when there is none."""
    value = body.get(name)
    if value is not None and type(value) is not str:
        raise Malformed(f"'{at}{name}' must be a string.", at + name)
    return value or ""


def object_in(body: JSON, name: str, at: str = "") -> JSON:
    """Return the object, empty when there is none."""
    value = body.get(name)
    if value is not None and type(value) is not dict:
        raise Malformed(f"'{at}{name}' must be an object.", at + name)
    return value or {}


def list_in(body: JSON, name: str, at: str = "") -> list[Any]:
    """Return the list, empty when there is none."""
    value = body.get(name)
    if value is not None and type(value) is not list:
        raise Malformed(f"'{at}{name}' must be a list.", at + name)
    return value or []


def objects_in(body: JSON, name: str, at: str = "") -> list[tuple[str, JSON]]:
    """Return the objects of a list, each with its place."""
    found = []
    for index, value in enumerate(list_in(body, name, at)):
        place = f"{at}{name}[{index}]"
        if type(value) is not dict:
            raise Malformed(f"'{place}' must be an object.", place)
        found.append((place, value))
    return found


def check_conversation(body: JSON) -> None:
    """Refuse messages that are none, and a body whose `model` or `stream` is not one."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        msg = "'messages' must be a list of at least one message."
        raise Malformed(msg, "messages")
    for index, message in enumerate(messages):
        if type(message) is not dict or type(message.get("role")) is not str:
            msg = f"'messages[{index}]' must be an object with a 'role'."
            raise Malformed(msg, f"messages[{index}]")
    check_model(body.get("model", ""))
    stream = body.get("stream")
    if stream is not None and type(stream) is not bool:
        msg = "'stream' must be true or false."
        raise Malformed(msg, "stream")


def check_model(model: Any) -> None:
    """Refuse what no model can be called; empty is the project's default."""
    if type(model) is not str or len(model) > MAX_MODEL_LENGTH:
        msg = f"'model' must be a string of at most {MAX_MODEL_LENGTH} characters."
        raise Malformed(msg, "model")
