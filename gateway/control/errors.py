"""How the control API refuses: one shape, whatever went wrong.

{"error": {"code": "…", "message": "…", "fields": {"name": ["…"]}}}
"""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.core import signals
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import DataError, OperationalError
from django.http import Http404
from rest_framework.exceptions import (
    APIException,
    NotFound,
    PermissionDenied,
    Throttled,
)
from rest_framework.exceptions import ValidationError as FieldsRefused
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import set_rollback

logger = logging.getLogger(__name__)

NOT_FIELDS = api_settings.NON_FIELD_ERRORS_KEY

# Status, when it is answered, and the codes that the error object may then hold.
REFUSALS = {
    400: ("A field, a filter or the body is not valid.", "invalid_request"),
    401: ("There is no valid operator token or session.", "invalid_token"),
    403: ("The role does not allow it.", "permission_denied"),
    404: ("There is no such row within reach.", "not_found"),
    405: ("The resource does not know this method.", "method_not_allowed"),
    409: ("Another row stands in the way; the message names it.", "in_use conflict"),
    412: ("The row is not as `If-Match` says any more.", "version_mismatch"),
    413: ("The body is too large.", "request_too_large"),
    415: ("The body is in another form than is read.", "unsupported_media_type"),
    429: ("Too many tokens that are not valid came from there.", "rate_limit_exceeded"),
    500: ("A mistake in Signalbox.", "internal_error"),
    503: ("The database cannot be asked now; try again shortly.", "unavailable"),
}


class Conflict(APIException):
    """The change does not go with what there is; `fields` may name it."""

    status_code = 409
    default_code = "conflict"

    def __init__(
        self, message: str, fields: Mapping[str, list[str]] | None = None
    ) -> None:
        super().__init__(message)
        self.fields = dict(fields or {})


class InUse(Conflict):
    """The row cannot go while others need it; `used_by` names them."""

    default_code = "in_use"

    def __init__(self, message: str, used_by: list[str]) -> None:
        super().__init__(message, {"used_by": used_by})


class VersionMismatch(APIException):
    status_code = 412
    default_code = "version_mismatch"
    default_detail = (
        "It was changed in the meantime; read it again and repeat the change."
    )


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "request_too_large"


class InternalError(APIException):
    default_code = "internal_error"
    default_detail = "Something went wrong in Signalbox; its log says what."


class Unavailable(APIException):
    status_code = 503
    default_code = "unavailable"
    default_detail = "The database cannot be asked at the moment; try again shortly."


def render_error(error: Exception, context: Mapping[str, Any]) -> Response:
    """Turn whatever a view raised into an answer."""
    refusal = _refusal(error, context)
    set_rollback()
    return Response(
        {"error": _body(refusal)}, refusal.status_code, headers=_headers(refusal)
    )


def refused_by_model(error: DjangoValidationError) -> FieldsRefused:
    """Return what a model's validation found, under the names of its fields."""
    if hasattr(error, "error_dict"):
        found = {
            NOT_FIELDS if name == "__all__" else name: messages
            for name, messages in error.message_dict.items()
        }
        return FieldsRefused(found)
    return FieldsRefused({NOT_FIELDS: error.messages})


def _refusal(error: Exception, context: Mapping[str, Any]) -> APIException:
    match error:
        case APIException():
            return error
        case Http404():
            return NotFound()
        case DjangoPermissionDenied():
            return PermissionDenied()
        case DjangoValidationError():
            return refused_by_model(error)
        case DataError():
            # A value of the request that PostgreSQL has no place for.
            return FieldsRefused({NOT_FIELDS: [_first_line(error)]})
        case OperationalError():
            logger.warning("control api", extra={"why": type(error).__name__})
            return Unavailable()
    # The one place where the unforeseen is turned into an answer.
    logger.error("control api failed", exc_info=error)
    request = context.get("request")
    signals.got_request_exception.send(
        sender=None, request=getattr(request, "_request", None)
    )
    return InternalError()


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0].capitalize() if lines else "A value is out of range."


def _body(refusal: APIException) -> dict[str, Any]:
    fields: dict[str, list[str]] = {}
    if isinstance(refusal, FieldsRefused):
        for name, message in _flat(refusal.detail):
            fields.setdefault(name, []).append(message)
    elif isinstance(refusal, Conflict):
        fields = refusal.fields
    return {
        "code": _code(refusal),
        "message": _message(refusal, fields),
        "fields": fields,
    }


def _code(refusal: APIException) -> str:
    _, codes = REFUSALS.get(refusal.status_code, ("", ""))
    known = codes.split()
    return known[0] if len(known) == 1 else str(refusal.default_code)


def _message(refusal: APIException, fields: Mapping[str, list[str]]) -> str:
    if not isinstance(refusal, FieldsRefused):
        return str(refusal.detail)
    return " ".join(
        f"{name}: {message}" if name != NOT_FIELDS else message
        for name, messages in fields.items()
        for message in messages
    )


def _flat(detail: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each message with the path of its field, such as `targets.0.weight`."""
    if isinstance(detail, dict):
        for name, below in detail.items():
            hides = name == NOT_FIELDS and path
            yield from _flat(below, path if hides else _join(path, name))
    elif isinstance(detail, list):
        for index, below in enumerate(detail):
            nested = isinstance(below, (dict, list))
            yield from _flat(below, _join(path, index) if nested else path)
    else:
        yield path or NOT_FIELDS, str(detail)


def _join(path: str, name: object) -> str:
    return f"{path}.{name}" if path else str(name)


def _headers(refusal: APIException) -> dict[str, str]:
    challenge = getattr(refusal, "auth_header", None)
    if challenge:
        return {"WWW-Authenticate": str(challenge)}
    if isinstance(refusal, Throttled):
        return {"Retry-After": str(getattr(refusal, "wait", None) or 1)}
    return (
        {"Retry-After": "2"} if refusal.status_code == Unavailable.status_code else {}
    )
