"""A project says what answers were worth, each end user once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from django.test import Client
from django.utils import timezone
from uuid_utils import uuid7

from tenants.models import ApiKey, Project
from tests.gateway.asking import ask
from tests.gateway.conftest import Offer
from tests.gateway.live import LiveGateway
from tests.usage.test_admin_events import make_event
from usage import feedback
from usage.models import Feedback

URL = "/v1/feedback"


def calling(project: Project, **fields: Any) -> Client:
    _, text = ApiKey.issue(project, "test", **fields)
    return Client(headers={"authorization": f"Bearer {text}"})


def say(client: Client, request_id: object, score: object = 1, **fields: Any) -> Any:
    body = {"request_id": str(request_id), "score": score, **fields}
    return client.post(URL, body, content_type="application/json")


def answered(project: Project, **fields: Any) -> UUID:
    """Return the id of a request of the project that was answered just now."""
    request_id = UUID(str(uuid7()))
    make_event(project, request_id=request_id, occurred_at=timezone.now(), **fields)
    return request_id


@pytest.mark.django_db
def test_the_last_word_of_each_end_user_counts(project: Project) -> None:
    request_id = answered(project, alias="fast", model="large")
    client = calling(project)

    first = say(client, request_id, 0, end_user="ada")
    say(client, request_id, 1, end_user="ada")
    say(client, request_id, 0.5, end_user="bob")

    assert first.status_code == 200
    assert first["cache-control"] == "private, no-store"
    assert first.json()["comment_kept"] is False
    kept = Feedback.objects.order_by("end_user").values_list(
        "end_user", "score", "alias", "model"
    )
    assert list(kept) == [("ada", 1.0, "fast", "large"), ("bob", 0.5, "fast", "large")]


@pytest.mark.django_db
def test_a_request_of_another_project_is_not_found(
    project: Project, other_project: Project
) -> None:
    theirs = answered(other_project)
    client = calling(project)

    for request_id in (theirs, uuid4(), UUID(int=theirs.int + 1)):
        answer = say(client, request_id)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"
    assert not Feedback.objects.exists()


@pytest.mark.django_db
def test_what_was_answered_just_now_may_be_tried_again(project: Project) -> None:
    fresh = say(calling(project), UUID(str(uuid7())))

    assert fresh.status_code == 404
    assert fresh["retry-after"] == "1"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"score": 1},
        {"request_id": "x", "score": 1},
        {"request_id": str(uuid4()), "score": 1.1},
        {"request_id": str(uuid4()), "score": -0.1},
        {"request_id": str(uuid4()), "score": "good"},
        {"request_id": str(uuid4()), "score": 1, "comment": "x" * 4001},
        {"request_id": str(uuid4()), "score": 1, "commment": "x"},
    ],
)
def test_what_is_not_understood_is_refused(project: Project, body: object) -> None:
    answer = calling(project).post(URL, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scopes", "status"), [([], 200), (["analytics"], 403), (["chat"], 200)]
)
def test_a_key_that_asks_no_models_says_nothing_of_answers(
    project: Project, scopes: list[str], status: int
) -> None:
    request_id = answered(project)

    assert say(calling(project, scopes=scopes), request_id).status_code == status


@pytest.mark.django_db
def test_without_a_key_nothing_is_taken() -> None:
    assert say(Client(), uuid4()).status_code == 401


@pytest.mark.django_db
def test_a_comment_is_kept_sealed_and_redacted_where_texts_are_captured(
    project: Project,
) -> None:
    client = calling(project)
    let_go = answered(project)
    assert say(client, let_go, comment="Useless!").json()["comment_kept"] is False
    project.capture = True
    project.save()
    kept = answered(project)

    said = say(client, kept, comment="Write to ada@example.com").json()

    assert said["comment_kept"] is True
    row = Feedback.objects.get(request_id=kept)
    assert row.sealed is not None
    assert b"Write" not in bytes(row.sealed)
    assert feedback.comment_of(row).startswith("Write to ")
    assert "ada@example.com" not in feedback.comment_of(row)
    assert Feedback.objects.get(request_id=let_go).sealed is None


@pytest.mark.django_db
def test_comments_are_forgotten_in_time_and_scores_stay(project: Project) -> None:
    project.capture = True
    project.save()
    say(calling(project), answered(project), 0.25, comment="Hm.")
    Feedback.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert feedback.clear_comments() == 1

    row = Feedback.objects.get()
    assert (row.sealed, row.score) == (None, 0.25)


@pytest.mark.django_db
def test_what_an_end_user_said_is_forgotten_with_them(project: Project) -> None:
    request_id = answered(project)
    client = calling(project)
    say(client, request_id, end_user="ada")
    say(client, request_id, end_user="bob")

    assert feedback.forget(project, "ada") == 1

    assert Feedback.objects.get().end_user == "bob"


@pytest.mark.django_db
def test_a_request_has_so_many_end_users_and_no_more(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "MAX_END_USERS", 2)
    request_id = answered(project)
    client = calling(project)

    told = [say(client, request_id, end_user=f"u{n}").status_code for n in range(3)]

    assert told == [200, 200, 400]
    assert say(client, request_id, 0, end_user="u1").status_code == 200


def test_the_id_of_a_live_answer_is_the_one_to_name(
    http: httpx.Client, live: LiveGateway, offer: Offer, project: Project
) -> None:
    offer("sim-chat")
    request_id = ask(http, stream=False).headers["x-request-id"]
    live.settled()

    answer = http.post(
        URL,
        json={"request_id": request_id, "score": 0.75},
        headers={"x-signalbox-user": "ada"},
    )

    assert answer.status_code == 200, answer.text
    row = Feedback.objects.get()
    assert (row.project, row.end_user, row.score) == (project, "ada", 0.75)
    assert (row.alias, row.provider, row.model) == ("fast", "sim", "sim-chat")
    assert row.occurred_at <= datetime.now(UTC)
