import base64

import pytest
from django.test import Client

from tenants.models import Project
from tests.admin_pages import form_of
from usage.models import Delivery, NotificationChannel

pytestmark = pytest.mark.django_db

ADD = "/admin/usage/notificationchannel/add/"
SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes that sign a lot").decode()


def add(client: Client, **fields: object) -> str:
    sent = {**form_of(client, ADD), "name": "ops", **fields}
    return client.post(ADD, sent, follow=True).content.decode()


def test_a_secret_is_sealed_and_not_shown_again(admin_client: Client) -> None:
    add(admin_client, kind="webhook", address="https://hooks.example/a", secret=SECRET)

    channel = NotificationChannel.objects.get()
    sealed = channel.secret()
    assert sealed is not None
    assert sealed.reveal() == SECRET
    page = admin_client.get(f"/admin/usage/notificationchannel/{channel.pk}/change/")
    assert SECRET not in page.content.decode()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "webhook", "address": "https://a.example"}, "could be forged"),
        ({"kind": "webhook", "address": "a.example", "secret": SECRET}, "https://"),
        ({"kind": "email", "address": "nobody"}, "valid email"),
        ({"kind": "email", "address": " , "}, "Enter an e-mail address"),
        (
            {"kind": "webhook", "address": "https://a.example", "secret": "!"},
            "Enter base64",
        ),
    ],
)
def test_what_could_not_work_is_refused(
    admin_client: Client, fields: dict[str, str], said: str
) -> None:
    page = add(admin_client, **fields)

    assert said in page
    assert not NotificationChannel.objects.exists()


def test_a_test_message_is_sent_to_what_is_selected(admin_client: Client) -> None:
    add(admin_client, kind="email", address="ada@example.com", topics=["budget"])
    channel = NotificationChannel.objects.get()

    admin_client.post(
        "/admin/usage/notificationchannel/",
        {"action": "send_test", "_selected_action": [str(channel.pk)]},
    )

    delivery = Delivery.objects.select_related("notification").get()
    assert delivery.channel == channel
    page = admin_client.get(
        f"/admin/usage/notification/{delivery.notification_id}/change/"
    )
    assert "a test of this channel" in page.content.decode()


def test_a_secret_goes_with_its_channel_to_another_project(
    admin_client: Client, project: Project
) -> None:
    add(admin_client, kind="webhook", address="https://hooks.example/a", secret=SECRET)
    channel = NotificationChannel.objects.get()
    page = f"/admin/usage/notificationchannel/{channel.pk}/change/"
    sent = {**form_of(admin_client, page), "project": str(project.pk)}

    admin_client.post(page, sent, follow=True)

    channel.refresh_from_db()
    # Whoever names a project need not name its organization besides.
    assert (channel.project, channel.organization) == (project, project.organization)
    sealed = channel.secret()
    assert sealed is not None
    assert sealed.reveal() == SECRET


def test_the_address_of_a_chat_signs_no_webhook(admin_client: Client) -> None:
    add(admin_client, kind="slack", address="https://hooks.slack.example/T0/B0/x")
    channel = NotificationChannel.objects.get()
    page = f"/admin/usage/notificationchannel/{channel.pk}/change/"
    sent = {
        **form_of(admin_client, page),
        "kind": "webhook",
        "address": "https://hooks.example/a",
    }

    said = admin_client.post(page, sent, follow=True).content.decode()

    assert "could be forged" in said
    channel.refresh_from_db()
    assert channel.kind == "slack"
