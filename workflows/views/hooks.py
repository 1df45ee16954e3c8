"""Where signed messages from outside begin runs. Who may: whoever holds the secret."""

import math
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.views import APIView
from uuid_utils import uuid7

from gateway.dialects import signalbox
from tenants.failed_attempts import FailedAttempts, origin_of
from workflows.openapi.triggers import hook_schema
from workflows.runs.posted import MAX_BODY_BYTES, Forged, begin_posted, webhook_at
from workflows.runs.starting import NotStarted
from workflows.waking import wake

PREFIX = "/api/workflows/hooks/"
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

# By address and webhook.
FAILED_SIGNATURES = FailedAttempts(settings.FAILED_KEYS_PER_MINUTE)


class HookView(APIView):
    """Runs the workflow of an incoming webhook with what was posted as its input."""

    # The signature is asked for below, where the body is there to be checked.
    permission_classes = [AllowAny]
    parser_classes = []

    @hook_schema
    def post(self, request: Request, hook_id: UUID, *args: Any, **kwargs: Any) -> Any:
        asked = request._request  # noqa: SLF001
        origin = f"{_origin(asked)} {hook_id}"
        if (wait_s := FAILED_SIGNATURES.wait_s(origin)) > 0:
            msg = "Too many messages without a valid signature came from here."
            answer = _refusal(429, "rate_limit_exceeded", msg)
            answer["retry-after"] = str(math.ceil(wait_s))
            return answer
        body = asked.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            msg = f"A message has at most {MAX_BODY_BYTES} bytes."
            return _refusal(413, "request_too_large", msg)
        webhook = webhook_at(hook_id)
        if webhook is None:
            FAILED_SIGNATURES.note(origin)
            msg = "There is no such webhook, or it is switched off."
            return _refusal(404, "not_found", msg)
        try:
            run = begin_posted(webhook, body, _signed(asked))
        except Forged:
            FAILED_SIGNATURES.note(origin)
            msg = (
                "The signature is not valid for this body and this address, or the "
                "timestamp is more than five minutes off. See standardwebhooks.com."
            )
            return _refusal(401, "invalid_signature", msg)
        except NotStarted as error:
            return _refusal(error.status, error.code, str(error))
        wake([run.pk])
        told = {"success": True, "runId": str(run.pk), "status": run.status}
        return _reply(202, orjson.dumps(told))


def _origin(request: HttpRequest) -> str:
    return origin_of(
        request.META.get("REMOTE_ADDR") or "",
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
    )


def _signed(request: HttpRequest) -> dict[str, str]:
    return {name: request.headers.get(name, "") for name in _HEADERS}


def _refusal(status: int, code: str, message: str) -> HttpResponse:
    request_id = str(uuid7())
    error = signalbox.build_error(status, code, message, None, None, request_id)
    return _reply(status, error)


def _reply(status: int, content: bytes) -> HttpResponse:
    return HttpResponse(
        content,
        status=status,
        content_type="application/json",
        headers={"cache-control": "private, no-store"},
    )
