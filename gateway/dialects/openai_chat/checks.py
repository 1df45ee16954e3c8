"""What a body must be to be a chat request, and what serving it needs to know of it."""

from gateway.body_fields import Malformed, check_conversation
from gateway.types import JSON

_JSON_FORMATS = ("json_object", "json_schema")


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    check_conversation(body)
    options = body.get("stream_options")
    if options is not None and type(options) is not dict:
        msg = "'stream_options' must be an object."
        raise Malformed(msg, "stream_options")
    for name in ("max_tokens", "max_completion_tokens", "n"):
        value = body.get(name)
        if value is not None and (type(value) is not int or value < 1):
            msg = f"'{name}' must be a whole number above zero."
            raise Malformed(msg, name)


def max_output_tokens(body: JSON) -> int | None:
    """Return the bound that the request sets on its answer, all choices together."""
    bound = body.get("max_completion_tokens") or body.get("max_tokens")
    if bound is None:
        return None
    return int(bound) * int(body.get("n") or 1)


def wants_json(body: JSON) -> bool:
    """Say whether the answer must be JSON, maybe of a given form."""
    wanted = body.get("response_format")
    return type(wanted) is dict and wanted.get("type") in _JSON_FORMATS


def wants_stream(body: JSON) -> bool:
    return body.get("stream") is True


def wants_usage(body: JSON) -> bool:
    """Say whether the client asked for the usage of a streamed answer."""
    options = body.get("stream_options")
    return type(options) is dict and options.get("include_usage") is True
