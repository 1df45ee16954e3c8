"""A request body that is a form, read for a view."""

import asyncio

from gateway.multipart import Form, InvalidForm, fields_of_form, parse_form
from gateway.refusals import InvalidRequest
from gateway.strict_json import InvalidJSON, parse_object

# A smaller one is read in less time than another thread takes to begin.
_LARGE = 1024 * 1024


async def form_in(content: bytes, content_type: bytes) -> Form:
    """Return the fields by name, files as their `Part`. Raises `InvalidRequest`.

    The controls of Signalbox are what they are in JSON: a list of `models`, and an
    object as the text of `provider`.
    """
    try:
        if len(content) < _LARGE:
            body = _fields(content, content_type)
        else:
            body = await asyncio.to_thread(_fields, content, content_type)
    except InvalidForm as error:
        raise InvalidRequest(str(error), param=error.param) from error
    if type(models := body.get("models")) is str:
        body["models"] = [models]
    if type(provider := body.get("provider")) is str:
        try:
            body["provider"] = parse_object(provider.encode())
        except InvalidJSON as error:
            msg = "'provider' must be a JSON object."
            raise InvalidRequest(msg, param="provider") from error
    return body


def _fields(content: bytes, content_type: bytes) -> Form:
    return fields_of_form(parse_form(content, content_type))
