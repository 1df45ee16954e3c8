"""How a notification goes over each kind of channel. Raises `NotSent` when it does not."""

from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
from django.core.mail import EmailMessage
from standardwebhooks import Webhook

from tenants.encryption import Unsealable
from tenants.outgoing import public_client
from usage.models import Delivery, Notification, NotificationChannel

_TIMEOUT_S = 10.0
_MAX_SHOWN = 200


class NotSent(Exception):
    """The channel did not take it; the message says why, without any secret."""


def send(delivery: Delivery) -> None:
    """Hand one notification to its channel."""
    channel, notification = delivery.channel, delivery.notification
    match channel.kind:
        case NotificationChannel.Kind.EMAIL:
            _send_email(channel, notification)
        case NotificationChannel.Kind.SLACK:
            address = _secret_of(channel)
            _post(address, orjson.dumps({"text": _as_text(notification)}), {})
        case _:
            _send_signed(channel, notification)


def event_of(notification: Notification) -> dict[str, Any]:
    """Return a notification as webhooks hold it."""
    return {
        "type": f"signalbox.{notification.topic}",
        "timestamp": notification.created_at.astimezone(UTC).isoformat(),
        "data": {
            "id": str(notification.pk),
            "title": notification.title,
            "text": notification.text,
            "link": notification.link,
            "organization": _slug(notification.organization),
            "project": _slug(notification.project),
            **notification.facts,
        },
    }


def _slug(owner: Any) -> str | None:
    return None if owner is None else str(owner.slug)


def _as_text(notification: Notification) -> str:
    parts = (notification.title, notification.text, notification.link)
    return "\n".join(part for part in parts if part)


def _send_email(channel: NotificationChannel, notification: Notification) -> None:
    message = EmailMessage(
        # In one line, whatever a name in it holds.
        subject=" ".join(notification.title.split()),
        body=_as_text(notification),
        to=channel.email_addresses(),
        headers={
            # By it a mail server knows what it has been given already.
            "Message-ID": f"<notification-{notification.pk.hex}-{channel.pk}@signalbox>",
            "X-Signalbox-Notification": str(notification.pk),
        },
    )
    try:
        message.send()
    except OSError as error:
        msg = f"The mail server did not take it: {error}"
        raise NotSent(msg) from error


def _send_signed(channel: NotificationChannel, notification: Notification) -> None:
    body = orjson.dumps(event_of(notification))
    post_signed(channel, f"msg_{notification.pk.hex}", body)


def post_signed(channel: NotificationChannel, message_id: str, body: bytes) -> None:
    """Post to a webhook in the form of Standard Webhooks. Raises `NotSent`."""
    secret = _secret_of(channel)
    sent_at = datetime.now(UTC)
    try:
        signature = Webhook(secret).sign(message_id, sent_at, body.decode())
    except (ValueError, RuntimeError) as error:
        msg = "The channel's secret is not base64; set another."
        raise NotSent(msg) from error
    _post(
        channel.address,
        body,
        {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": signature,
        },
    )


def _secret_of(channel: NotificationChannel) -> str:
    try:
        secret = channel.secret()
    except Unsealable as error:
        raise NotSent(str(error)) from error
    if secret is None:
        msg = "The channel has no secret; set one."
        raise NotSent(msg)
    return secret.reveal()


def _post(address: str, body: bytes, headers: dict[str, str]) -> None:
    headers = {"content-type": "application/json", **headers}
    try:
        with (
            public_client(_TIMEOUT_S) as client,
            client.stream("POST", address, content=body, headers=headers) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        msg = f"{type(error).__name__}: {error}"[:_MAX_SHOWN]
        raise NotSent(msg) from error
    if not 200 <= status < 300:
        msg = f"The address answered with status {status}."
        raise NotSent(msg)
