"""Runs that somebody outside begins by posting signed JSON, once per message."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.strict_json import InvalidJSON, parse_object
from workflows.limits import MAX_INPUT_BYTES
from workflows.models import IncomingWebhook, WorkflowRun, WorkflowVersion
from workflows.runs.keys import once
from workflows.runs.starting import NotStarted, start_run

MAX_BODY_BYTES = MAX_INPUT_BYTES
_MAX_ID = 200


class Forged(Exception):
    """The signature is not one of this address for this body, or it is too old."""


def begin_posted(
    webhook: IncomingWebhook, body: bytes, headers: Mapping[str, str]
) -> WorkflowRun:
    """Make the run that a message asks for, or find the one it has made.

    Raises `Forged`, and `NotStarted` for what is signed and still begins nothing.
    """
    try:
        # Its tolerance is five minutes, and the message's id is signed as well.
        Webhook(webhook.secret()).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError) as error:
        raise Forged from error
    message_id = headers["webhook-id"]
    if len(message_id) > _MAX_ID or not message_id.isprintable():
        msg = f"'webhook-id' has at most {_MAX_ID} printable characters."
        raise NotStarted(msg)
    try:
        given = parse_object(body)
    except InvalidJSON as error:
        raise NotStarted(str(error)) from error

    def make() -> WorkflowRun:
        version = WorkflowVersion.objects.filter(
            workflow_id=webhook.workflow_id, status=WorkflowVersion.Status.ACTIVE
        ).first()
        if version is None:
            msg = "The workflow has no active version; activate one first."
            raise NotStarted(msg, status=409, code="no_active_version")
        return start_run(version, given, trigger=WorkflowRun.Trigger.WEBHOOK)

    with transaction.atomic():
        run = once(
            "hook", f"{webhook.pk} {message_id}", webhook.project_id, given, make
        )
        IncomingWebhook.objects.filter(pk=webhook.pk).update(last_at=timezone.now())
    return run


def webhook_at(webhook_id: UUID) -> IncomingWebhook | None:
    found: IncomingWebhook | None = IncomingWebhook.objects.filter(
        pk=webhook_id, active=True, project__active=True
    ).first()
    return found
