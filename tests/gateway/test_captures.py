"""Texts are kept where a project wants them kept: redacted, sealed, for named people."""

import time
from datetime import timedelta

import httpx
import openai
import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.utils import timezone

from tenants.encryption import Unsealable
from tenants.models import Membership, Project, Role
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway, wait_until
from usage import captures
from usage.models import CapturedText, CaptureView

SECRETS = "ada@example.com, 4111 1111 1111 1111, sk-proj-abcdefghijklmnop1234, CASE-77"


@pytest.fixture
def capturing(project: Project, live: LiveGateway) -> Project:
    project.capture = True
    project.capture_redactions = ["CASE-[0-9]+"]
    project.save()
    live.caught_up()
    return project


def captured(live: LiveGateway, number: int = 1) -> list[CapturedText]:
    wait_until(lambda: CapturedText.objects.count() >= number)
    return list(CapturedText.objects.order_by("occurred_at"))


def texts_of(row: CapturedText) -> tuple[str, str]:
    reader, _ = get_user_model().objects.get_or_create(username="reader")
    return captures.read(row, reader)


def ask(client: openai.OpenAI, text: str, **more: object) -> object:
    return client.chat.completions.create(
        model="fast",
        messages=[{"role": "user", "content": text}],
        **more,  # type: ignore[call-overload]
    )


def test_request_and_answer_are_kept_without_what_is_private(
    offer: Offer, client: openai.OpenAI, capturing: Project, live: LiveGateway
) -> None:
    offer("sim-chat")

    answer = client.chat.completions.with_raw_response.create(
        model="fast",
        messages=[{"role": "user", "content": f"Mind {SECRETS}"}],
        extra_headers={"x-signalbox-user": "user-7"},
    )

    (row,) = captured(live)
    request, said = texts_of(row)
    assert "Mind [email], [card], [key], [redacted]" in request
    assert answer.parse().choices[0].message.content[:20] in said  # type: ignore[index]
    assert row.request_id == answer.headers["x-request-id"]
    assert (row.end_user, row.status) == ("user-7", 200)
    assert row.expires_at - row.occurred_at == timedelta(days=30)


def test_a_stream_is_kept_when_it_has_ended(
    offer: Offer, client: openai.OpenAI, capturing: Project, live: LiveGateway
) -> None:
    offer("sim-chat")

    pieces = list(ask(client, "hello", stream=True))  # type: ignore[call-overload]

    assert pieces
    (row,) = captured(live)
    assert texts_of(row)[1].rstrip().endswith("data: [DONE]")


def test_nothing_is_kept_unless_the_project_wants_it(
    offer: Offer, client: openai.OpenAI, live: LiveGateway
) -> None:
    offer("sim-chat")

    ask(client, "hello")

    time.sleep(0.7)
    assert live.gateway.captures.waiting == 0
    assert not CapturedText.objects.exists()


def test_no_column_holds_a_kept_text_in_clear(
    offer: Offer, client: openai.OpenAI, capturing: Project, live: LiveGateway
) -> None:
    offer("sim-chat")

    ask(client, "canary-in-a-coal-mine")

    captured(live)
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM usage_capturedtext t")
        assert "canary" not in str(cursor.fetchall())
        cursor.execute("SELECT sealed FROM usage_capturedtext")
        assert b"canary" not in bytes(cursor.fetchone()[0])


def test_a_sealed_text_opens_in_its_own_row_alone(
    offer: Offer, client: openai.OpenAI, capturing: Project, live: LiveGateway
) -> None:
    offer("sim-chat")
    ask(client, "one")
    ask(client, "two")
    first, second = captured(live, 2)

    CapturedText.objects.filter(pk=first.pk).update(sealed=second.sealed)
    first.refresh_from_db()

    with pytest.raises(Unsealable):
        texts_of(first)


def test_what_is_kept_goes_at_its_time_and_when_it_is_purged(
    offer: Offer, http: httpx.Client, capturing: Project, live: LiveGateway
) -> None:
    offer("sim-chat")
    for user in ("a", "b", "c"):
        http.post(
            "/v1/chat/completions",
            json={"model": "fast", "messages": [{"role": "user", "content": user}]},
            headers={"x-signalbox-user": user},
        )
    captured(live, 3)

    assert captures.purge(capturing, "a") == 1
    CapturedText.objects.filter(end_user="b").update(expires_at=timezone.now())
    assert captures.clear_expired() == 1
    assert captures.purge(capturing) == 1


@pytest.mark.parametrize(
    ("role", "status"), [(Role.OWNER, 200), (Role.OPERATOR, 403), (None, 302)]
)
def test_owners_read_texts_and_every_reading_is_written_down(
    offer: Offer,
    client: openai.OpenAI,
    capturing: Project,
    live: LiveGateway,
    role: Role | None,
    status: int,
) -> None:
    offer("sim-chat")
    ask(client, "canary-in-a-coal-mine")
    (row,) = captured(live)
    browser = Client()
    if role is not None:
        user = get_user_model().objects.create_user("ada")
        Membership.objects.create(
            user=user, organization=capturing.organization, role=role
        )
        browser.force_login(user)

    page = browser.get(f"/admin/usage/capturedtext/{row.pk}/change/")

    assert page.status_code == status
    assert ("canary" in page.content.decode()) == (status == 200)
    views = CaptureView.objects.values_list("user__username", "request_id")
    assert list(views) == ([("ada", row.request_id)] if status == 200 else [])
