"""Refusals in Signalbox's own shape, whatever raised them."""

from collections.abc import Mapping
from typing import Any

from rest_framework.response import Response
from rest_framework.views import set_rollback
from uuid_utils import uuid7

from gateway.control.errors import render_error
from gateway.refusals import Refusal


def render_refusal(error: Exception, context: Mapping[str, Any]) -> Response:
    request_id = str(uuid7())
    headers = {"x-request-id": request_id}
    if isinstance(error, Refusal):
        set_rollback()
        told: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.param is not None:
            told["param"] = error.param
        status = error.status_code
        headers |= error.headers
    else:
        response = render_error(error, context)
        told, status = response.data["error"], response.status_code
        headers |= dict(response.headers)
    body = {"success": False, "requestId": request_id, "error": told}
    return Response(body, status, headers=headers)
