"""Bodies of requests that somebody types into a form."""

import orjson
from django import forms

from gateway.types import JSON


def typed_body(text: str) -> JSON:
    """Return the object that was typed; anything else is an error of the form."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        msg = f"This is not JSON: {error}."
        raise forms.ValidationError(msg) from error
    if type(body) is not dict:
        raise forms.ValidationError("This must be a JSON object.")
    return body
