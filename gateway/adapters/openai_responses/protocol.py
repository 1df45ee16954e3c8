"""What every call in this protocol shares."""

from typing import Any

from gateway.types import JSON

NAME = "openai_responses"
HEADERS: dict[str, str] = {}


def stream_path(path: str) -> str:
    """Return the path of the streamed call, which is that of the plain one."""
    return path


def object_of(value: Any) -> JSON:
    return value if type(value) is dict else {}


def objects_of(values: Any) -> list[JSON]:
    """Return the objects of a list; nothing of anything else."""
    return [v for v in values if type(v) is dict] if type(values) is list else []


def text_of(value: Any) -> str:
    return value if type(value) is str else ""
