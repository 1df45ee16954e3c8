"""What a body must be to be a request, and what serving it needs to know of it."""

from gateway.body_fields import Malformed, check_model
from gateway.types import JSON

_JSON_FORMATS = ("json_object", "json_schema")

# Where the provider keeps what was said before; with one of them there may be no input.
KEPT = ("previous_response_id", "conversation", "prompt")


def check_request(body: JSON) -> None:
    """Refuse what no provider could answer; the rest is for the provider to judge."""
    given = body.get("input")
    if type(given) is not str and type(given) is not list and given is not None:
        msg = "'input' must be a string or a list of items."
        raise Malformed(msg, "input")
    if not given and not any(body.get(name) for name in KEPT):
        msg = "'input' must hold a text or at least one item."
        raise Malformed(msg, "input")
    if type(given) is list:
        for index, item in enumerate(given):
            if type(item) is not dict:
                msg = f"'input[{index}]' must be an object."
                raise Malformed(msg, f"input[{index}]")
    model = body.get("model")
    if model is not None:
        check_model(model)
    stream = body.get("stream")
    if stream is not None and type(stream) is not bool:
        msg = "'stream' must be true or false."
        raise Malformed(msg, "stream")
    bound = body.get("max_output_tokens")
    if bound is not None and (type(bound) is not int or bound < 1):
        msg = "'max_output_tokens' must be a whole number above zero."
        raise Malformed(msg, "max_output_tokens")


def max_output_tokens(body: JSON) -> int | None:
    """Return the bound that the request sets on its answer."""
    bound: int | None = body.get("max_output_tokens")
    return bound


def wants_json(body: JSON) -> bool:
    """Say whether the answer must be JSON, maybe of a given form."""
    text = body.get("text")
    wanted = text.get("format") if type(text) is dict else None
    return type(wanted) is dict and wanted.get("type") in _JSON_FORMATS


def wants_stream(body: JSON) -> bool:
    return body.get("stream") is True


def wants_usage(body: JSON) -> bool:
    """Say yes: the last event of every stream holds the usage."""
    return True
