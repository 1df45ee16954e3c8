"""The events of a stream, as JSON."""

import orjson

from gateway.adapters.openai_chat.errors import Unreadable
from gateway.types import JSON


def loads(data: bytes) -> JSON:
    """Return the object that an event carries."""
    try:
        tree = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            tree = orjson.loads(data.decode("utf-8", "replace"))
        except orjson.JSONDecodeError as error:
            msg = "An event of the stream is not valid JSON."
            raise Unreadable(msg) from error
    if type(tree) is not dict:
        msg = "An event of the stream is no JSON object."
        raise Unreadable(msg)
    return tree
