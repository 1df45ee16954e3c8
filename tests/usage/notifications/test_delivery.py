"""Notifications over real SMTP and HTTP on loopback."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings
from django.utils import timezone
from standardwebhooks import Webhook

from tenants.models import Organization, Project
from tests.factories import OrganizationFactory, ProjectFactory
from tests.usage.receiving import Mailbox, Receiver
from usage.models import Delivery, NotificationChannel
from usage.notifications.delivering import MAX_ATTEMPTS, deliver_due
from usage.notifications.telling import News, tell

pytestmark = pytest.mark.django_db

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes....").decode()
NEWS = News(
    "budget", "budget:1:2026-11:80", "80 % of a budget is spent", "40 of 50 USD"
)


def channel(kind: str, address: str, **fields: Any) -> NotificationChannel:
    row = NotificationChannel(name=kind, kind=kind, address=address, **fields)
    if kind == "webhook":
        row.put_secret(SECRET)
    row.full_clean()
    row.save()
    return row


@pytest.fixture
def project() -> Project:
    project: Project = ProjectFactory.create(slug="acorn")
    return project


def state_of(delivery: Delivery) -> tuple[str, int]:
    delivery.refresh_from_db()
    return delivery.state, delivery.attempts


def test_a_mail_tells_everybody_once(mailbox: Mailbox, project: Project) -> None:
    channel("email", "ada@example.com, bo@example.com")

    tell(NEWS, project=project)
    tell(NEWS, project=project)
    deliver_due()
    deliver_due()

    (envelope,) = mailbox.messages
    assert envelope.rcpt_tos == ["ada@example.com", "bo@example.com"]
    assert b"Subject: 80 % of a budget is spent" in envelope.content
    assert b"40 of 50 USD" in envelope.content


def test_the_subject_of_a_mail_is_one_line(mailbox: Mailbox, project: Project) -> None:
    channel("email", "ada@example.com")

    tell(replace(NEWS, title="a name\r\nBcc: eve@example.com"), project=project)
    deliver_due()

    (envelope,) = mailbox.messages
    assert envelope.rcpt_tos == ["ada@example.com"]
    assert b"Subject: a name Bcc: eve@example.com" in envelope.content


def test_one_that_nobody_can_send_does_not_hold_up_the_others(
    receiver: Receiver, project: Project
) -> None:
    channel("email", "ada@example.com")
    channel("webhook", receiver.url)
    tell(NEWS, project=project)
    mail = Delivery.objects.get(channel__kind="email")

    with override_settings(EMAIL_BACKEND="nowhere.Backend"):
        for _ in range(MAX_ATTEMPTS):
            Delivery.objects.filter(state="pending").update(
                next_attempt_at=timezone.now()
            )
            deliver_due()

    assert len(receiver.posted) == 1
    assert state_of(mail) == ("failed", MAX_ATTEMPTS)
    assert mail.error.startswith("ModuleNotFoundError")


def test_a_webhook_is_signed_so_that_its_receiver_can_tell(
    receiver: Receiver, project: Project
) -> None:
    channel("webhook", receiver.url)

    tell(NEWS, project=project)
    deliver_due()

    ((headers, body),) = receiver.posted
    event = Webhook(SECRET).verify(body, headers)
    assert event["type"] == "signalbox.budget"
    assert event["data"]["project"] == "acorn"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(body.replace(b"40", b"41"), headers)


def test_a_chat_gets_a_text_and_its_address_is_sealed(
    receiver: Receiver, project: Project
) -> None:
    row = channel("slack", receiver.url)

    tell(NEWS, project=project)
    deliver_due()

    assert json.loads(receiver.posted[0][1])["text"].startswith(NEWS.title)
    row.refresh_from_db()
    assert "hook" not in row.address
    assert b"hook" not in bytes(row.sealed or b"")


def test_what_does_not_arrive_is_tried_again_with_the_same_id(
    receiver: Receiver, project: Project
) -> None:
    channel("webhook", receiver.url)
    receiver.status = 500
    tell(NEWS, project=project)
    deliver_due()
    delivery = Delivery.objects.get()

    assert state_of(delivery) == ("pending", 1)
    assert "500" in delivery.error
    assert deliver_due() == 0, "not before its time"

    receiver.status = 200
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
    deliver_due()

    assert state_of(delivery) == ("delivered", 2)
    first, second = (headers["webhook-id"] for headers, _ in receiver.posted)
    assert first == second


def test_after_enough_attempts_it_has_failed(
    receiver: Receiver, project: Project
) -> None:
    channel("webhook", receiver.url)
    receiver.status = 302
    tell(NEWS, project=project)

    for _ in range(MAX_ATTEMPTS + 1):
        Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1))
        deliver_due()

    assert state_of(Delivery.objects.get()) == ("failed", MAX_ATTEMPTS)
    assert len(receiver.posted) == MAX_ATTEMPTS, "a redirect is not followed"


def test_a_webhook_cannot_reach_into_the_private_network_w9(
    receiver: Receiver, project: Project
) -> None:
    channel("webhook", receiver.url)
    channel("slack", receiver.url.replace("127.0.0.1", "localhost"))

    with override_settings(WEBHOOK_PRIVATE_ADDRESSES=False):
        tell(NEWS, project=project)
        deliver_due()

    assert receiver.posted == []
    errors = Delivery.objects.values_list("error", flat=True)
    assert all("private address" in error for error in errors)


def test_a_webhook_without_a_secret_is_not_sent(
    receiver: Receiver, project: Project
) -> None:
    channel("webhook", receiver.url)
    NotificationChannel.objects.update(sealed=None)

    tell(NEWS, project=project)
    deliver_due()

    assert receiver.posted == []
    assert "no secret" in Delivery.objects.get().error


def test_only_channels_that_are_concerned_are_told(project: Project) -> None:
    own, other = project.organization, OrganizationFactory.create(slug="other")
    sibling = ProjectFactory.create(slug="sibling", organization=own)
    wanted = {
        channel("email", "a@example.com"),
        channel("email", "b@example.com", organization=own),
        channel("email", "c@example.com", organization=own, project=project),
    }
    channel("email", "d@example.com", organization=other)
    channel("email", "e@example.com", organization=own, project=sibling)
    _named(own, "quiet", topics=["report"])
    _named(own, "off", active=False)

    tell(NEWS, project=project)

    assert {row.channel for row in Delivery.objects.all()} == wanted


def _named(organization: Organization, name: str, **fields: Any) -> None:
    NotificationChannel.objects.create(
        organization=organization,
        name=name,
        kind="email",
        address="x@example.com",
        **fields,
    )
