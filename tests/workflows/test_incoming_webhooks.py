"""Signed messages from outside that begin runs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from standardwebhooks import Webhook

from tenants.failed_attempts import FailedAttempts
from tenants.models import Project
from tests.factories import ProjectFactory
from workflows import contents
from workflows.models import IncomingWebhook, WorkflowRun
from workflows.runs.posted import MAX_BODY_BYTES
from workflows.saving import archive, save_version
from workflows.views import hooks

pytestmark = pytest.mark.django_db
DEFINITION = {
    "name": "on-ticket",
    "steps": [
        {"id": "a", "action": "transform", "input": {"from": "{{input.title}}"}},
    ],
}


class Sender:
    """Somebody outside who holds the secret."""

    def __init__(self, webhook: IncomingWebhook, secret: str) -> None:
        self.path = webhook.path
        self.secret = secret
        self.client = Client()

    def send(
        self,
        content: Any = None,
        message_id: str = "msg_1",
        ago: timedelta = timedelta(0),
        headers: dict[str, str] | None = None,
    ) -> Any:
        body = json.dumps({"title": "Help"} if content is None else content)
        at = datetime.now(UTC) - ago
        signature = Webhook(self.secret).sign(message_id, at, body)
        return self.client.post(
            self.path,
            body,
            content_type="application/json",
            headers={
                "webhook-id": message_id,
                "webhook-timestamp": str(int(at.timestamp())),
                "webhook-signature": signature,
                **(headers or {}),
            },
        )


@pytest.fixture
def project(db: None) -> Iterator[Project]:
    contents.forget_keys()
    yield ProjectFactory.create(slug="acorn")
    contents.forget_keys()


@pytest.fixture
def webhook(project: Project) -> IncomingWebhook:
    version = save_version(project, DEFINITION)
    made = IncomingWebhook(project=project, workflow=version.workflow, name="tickets")
    made.new_secret()
    made.save()
    return made


@pytest.fixture
def sender(webhook: IncomingWebhook, monkeypatch: pytest.MonkeyPatch) -> Sender:
    monkeypatch.setattr(hooks, "wake", lambda run_ids: None)
    monkeypatch.setattr(hooks, "FAILED_SIGNATURES", FailedAttempts(5))
    return Sender(webhook, webhook.secret())


def test_a_signed_message_becomes_the_input_of_a_run(
    sender: Sender, webhook: IncomingWebhook
) -> None:
    answer = sender.send({"title": "Printer on fire", "more": [1]})

    assert answer.status_code == 202, answer.content
    run = WorkflowRun.objects.get(pk=answer.json()["runId"])
    assert run.trigger == "webhook"
    assert run.read_input() == {"title": "Printer on fire", "more": [1]}
    webhook.refresh_from_db()
    assert webhook.last_at is not None


def test_a_message_that_comes_again_begins_nothing_new(sender: Sender) -> None:
    first, again = sender.send(), sender.send(ago=timedelta(minutes=2))
    other = sender.send({"title": "another"})

    assert first.json()["runId"] == again.json()["runId"]
    assert other.status_code == 409
    assert sender.send(message_id="msg_2").json()["runId"] != first.json()["runId"]
    assert WorkflowRun.objects.count() == 2


@pytest.mark.parametrize(
    "headers",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": "nonsense"},
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": "nan"},
    ],
)
def test_a_forged_message_begins_nothing(
    sender: Sender, headers: dict[str, str]
) -> None:
    answer = sender.send(headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_signature"
    assert not WorkflowRun.objects.exists()


@pytest.mark.parametrize("ago", [timedelta(minutes=6), -timedelta(minutes=6)])
def test_a_message_of_another_time_begins_nothing(
    sender: Sender, ago: timedelta
) -> None:
    assert sender.send(ago=ago).status_code == 401
    assert not WorkflowRun.objects.exists()


def test_a_signature_for_one_address_is_none_for_another(
    sender: Sender, webhook: IncomingWebhook
) -> None:
    other = IncomingWebhook(
        project=webhook.project, workflow=webhook.workflow, name="other"
    )
    other.new_secret()
    other.save()
    sender.path = other.path

    assert sender.send().status_code == 401
    assert not WorkflowRun.objects.exists()


def test_who_fails_too_often_has_to_wait_and_others_need_not(sender: Sender) -> None:
    for _ in range(5):
        assert sender.send(headers={"webhook-signature": "v1,AAAA"}).status_code == 401

    held_up = sender.send()

    assert held_up.status_code == 429
    assert int(held_up["retry-after"]) >= 1
    sender.client.defaults["REMOTE_ADDR"] = "203.0.113.7"
    assert sender.send().status_code == 202


def test_what_is_no_object_or_too_long_is_refused(sender: Sender) -> None:
    assert sender.send([1]).status_code == 400
    assert sender.send({"title": "x" * MAX_BODY_BYTES}).status_code == 413
    assert sender.send({"other": 1}, message_id="msg_3").status_code == 400
    assert not WorkflowRun.objects.exists()


def test_what_is_switched_off_is_not_there(
    sender: Sender, webhook: IncomingWebhook
) -> None:
    webhook.active = False
    webhook.save()
    assert sender.send().status_code == 404

    IncomingWebhook.objects.update(active=True)
    archive(webhook.workflow.versions.get())
    assert sender.send().json()["error"]["code"] == "no_active_version"


def test_the_secret_is_in_the_database_sealed_alone(webhook: IncomingWebhook) -> None:
    secret = webhook.secret()

    assert secret.startswith("whsec_")
    assert secret.encode() not in bytes(webhook.sealed)
