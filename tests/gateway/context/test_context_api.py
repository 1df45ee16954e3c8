"""A project writes, reads and erases the context of its end users with its key."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from tenants.context import erasing
from tenants.models import (
    ApiKey,
    ContextEntry,
    ContextScope,
    ContextView,
    DataKey,
    EndUser,
    EndUserKey,
    Erasure,
    Project,
)
from tests.gateway.context.conftest import Call, calling, entry
from usage.tasks import clear_expired_answers

pytestmark = pytest.mark.django_db


def test_an_entry_is_written_shown_changed_and_deleted(
    call: Call, project: Project
) -> None:
    made = call("POST", "entries", entry(content={"mood": "calm"}))
    path = f"entries/{made.json()['id']}"
    changed = call("PATCH", path, {"content": "glad", "kind": "moods"})
    shown = call("GET", path).json()

    assert made.status_code == 201, made.content
    assert made.json()["content"] == {"mood": "calm"}
    assert changed.status_code == 200, changed.content
    assert (shown["kind"], shown["content"], shown["userId"]) == (
        "moods",
        "glad",
        "ada",
    )
    assert EndUser.objects.get(project=project).external_id == "ada"
    assert call("DELETE", path).status_code == 204
    assert call("GET", path).status_code == 404


def test_what_is_kept_is_sealed(call: Call) -> None:
    call("POST", "entries", entry(content="a very particular secret"))

    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM tenants_contextentry t")
        assert "particular" not in cursor.fetchone()[0]
    row = ContextEntry.objects.get()
    assert b"particular" not in bytes(row.sealed)


def test_an_entry_with_a_source_id_takes_the_place_of_the_earlier_one(
    call: Call,
) -> None:
    first = call("POST", "entries", entry(sourceId="7", content="old"))
    again = call("POST", "entries", entry(sourceId="7", content="new"))
    other = call("POST", "entries", entry("habits", sourceId="7"))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["createdAt"] == first.json()["createdAt"]
    assert other.status_code == 201
    shown = call("GET", f"entries/{first.json()['id']}").json()
    assert shown["content"] == "new"


def test_many_entries_are_written_at_once(call: Call) -> None:
    some = [entry(content=n, sourceId=str(n), userId=f"u{n % 3}") for n in range(300)]

    assert call("POST", "entries", {"entries": some[:200]}).status_code == 200
    told = call("POST", "entries", {"entries": some}).json()["entries"]

    assert [each["created"] for each in told] == [False] * 200 + [True] * 100
    assert ContextEntry.objects.count() == 300
    assert EndUserKey.objects.count() == 3
    listed = call("GET", "entries?userId=u1&page_size=200").json()["results"]
    assert {each["content"] for each in listed} == set(range(1, 300, 3))


def test_all_mistakes_are_told_at_once_and_nothing_is_written(call: Call) -> None:
    answer = call(
        "POST",
        "entries",
        {
            "entries": [
                entry(),
                entry(kind="no slug"),
                entry(content="x" * 40_000, occurredAt="yesterday"),
                {"userId": "a b", "sort": 1},
                entry(sourceId="1"),
                entry(sourceId="1"),
                7,
            ]
        },
    )

    assert answer.status_code == 400
    assert set(answer.json()["error"]["fields"]) == {
        "entries.1.kind",
        "entries.2.content",
        "entries.2.occurredAt",
        "entries.3.userId",
        "entries.3.kind",
        "entries.3.content",
        "entries.3.sort",
        "entries.5.sourceId",
        "entries.6",
    }
    assert not ContextEntry.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"entries": []},
        {"entries": [entry()] * 501},
        {"entries": "x"},
        {"entries": [entry()], "more": 1},
    ],
)
def test_a_body_that_is_none_is_refused(call: Call, body: Any) -> None:
    answer = call("POST", "entries", body)

    assert answer.status_code == 400
    assert answer.json()["error"]["fields"]


def test_entries_are_listed_by_pages_kinds_and_times(call: Call) -> None:
    now = datetime(2026, 5, 1, tzinfo=UTC)
    some = [
        entry("ab"[n % 2], n, occurredAt=(now + timedelta(days=n)).isoformat())
        for n in range(7)
    ]
    call("POST", "entries", {"entries": some})

    first = call("GET", "entries?userId=ada&page_size=4").json()
    rest = call("GET", "entries?" + first["next"].partition("?")[2]).json()
    listed = [each["content"] for each in (*first["results"], *rest["results"])]

    assert listed == [6, 5, 4, 3, 2, 1, 0]
    assert rest["next"] is None
    some_kind = call("GET", "entries?userId=ada&kind=a").json()["results"]
    assert [each["content"] for each in some_kind] == [6, 4, 2, 0]
    span = "since=2026-05-02&until=2026-05-04T12:00:00Z"
    within = call("GET", f"entries?userId=ada&{span}").json()["results"]
    assert [each["content"] for each in within] == [3, 2, 1]
    assert call("GET", "entries?userId=nobody").json()["results"] == []
    assert call("GET", "entries").status_code == 400
    assert call("GET", "entries?userId=ada&since=x").status_code == 400


def test_a_project_sees_nothing_of_another(call: Call, other_project: Project) -> None:
    mine = call("POST", "entries", entry(content="mine")).json()
    theirs = calling(ApiKey.issue(other_project, "test")[1])

    assert theirs("GET", f"entries/{mine['id']}").status_code == 404
    assert theirs("PATCH", f"entries/{mine['id']}", {"kind": "x"}).status_code == 404
    assert theirs("DELETE", f"entries/{mine['id']}").status_code == 404
    assert theirs("GET", "entries?userId=ada").json()["results"] == []
    assert theirs("DELETE", "users/ada").json()["receipt"]["counts"]["entries"] == 0
    preview = theirs("POST", "preview", {"userId": "ada"}).json()
    assert "mine" not in preview["text"]
    assert call("GET", f"entries/{mine['id']}").json()["content"] == "mine"
    assert theirs("GET", f"entries/{uuid4()}").status_code == 404


def test_a_key_needs_the_scope(project: Project) -> None:
    limited = calling(ApiKey.issue(project, "test", scopes=["chat"])[1])

    assert limited("GET", "scopes").status_code == 403


def test_a_sealed_entry_opens_in_no_other_place(call: Call) -> None:
    call("POST", "entries", {"entries": [entry(content="one"), entry(content="two")]})
    call("POST", "entries", entry(content="three", userId="bob"))
    one, two, three = ContextEntry.objects.order_by("id")
    for target, source in ((two, one), (three, one)):
        ContextEntry.objects.filter(pk=target.pk).update(sealed=source.sealed)

        answer = call("GET", f"entries/{target.pk}")

        assert answer.status_code == 503
        assert "one" not in answer.content.decode()
    swapped = EndUserKey.objects.get(end_user=one.end_user)
    EndUserKey.objects.filter(end_user=three.end_user).update(wrapped=swapped.wrapped)
    assert call("GET", f"entries/{three.pk}").status_code == 503


def test_erasure_destroys_key_and_rows_and_leaves_a_receipt(
    call: Call, project: Project
) -> None:
    call("POST", "entries", {"entries": [entry(), entry("habits"), entry(userId="b")]})
    EndUser.objects.filter(external_id="ada").update(name="Ada Lovelace")

    receipt = call("DELETE", "users/ada").json()["receipt"]

    counts = receipt["counts"]
    assert (counts["keys"], counts["entries"], counts["captured_texts"]) == (1, 2, 0)
    row = Erasure.objects.get()
    assert row.digest == receipt["digest"] == erasing.digest_of(row)
    assert ContextEntry.objects.count() == EndUserKey.objects.count() == 1
    assert EndUser.objects.get(external_id="ada").name == ""
    shown = call("GET", "users/ada").json()
    assert (shown["entries"], shown["kinds"]) == (0, {})
    assert [each["id"] for each in shown["erasures"]] == [receipt["id"]]
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            text = "\n".join(row[0] for row in cursor.fetchall())
            assert "Lovelace" not in text, table
            if table == "tenants_erasure":
                assert "ada" not in text


def test_a_user_that_is_deleted_is_erased(call: Call, project: Project) -> None:
    call("POST", "entries", {"entries": [entry(), entry(userId="bob")]})
    EndUser.objects.get(external_id="ada").delete()
    EndUser.objects.filter(external_id="bob").delete()
    EndUser.objects.create(project=project, external_id="empty").delete()

    assert not ContextEntry.objects.exists()
    assert not EndUserKey.objects.exists()
    assert [row.via for row in Erasure.objects.all()] == ["deletion", "deletion"]
    assert call("GET", "users/ada").json()["erasures"]


def test_what_cannot_be_opened_any_more_is_erased_all_the_same(
    call: Call, project: Project
) -> None:
    call("POST", "entries", entry())
    DataKey.objects.filter(project=project).update(kek_id="gone")

    receipt = call("DELETE", "users/ada").json()["receipt"]

    assert (receipt["counts"]["entries"], receipt["digest"]) == (1, "")
    assert not ContextEntry.objects.exists()


def test_a_project_is_deleted_with_all_that_it_keeps(
    call: Call, project: Project
) -> None:
    call("POST", "entries", entry())
    call("DELETE", "users/ada")
    call("POST", "entries", entry())

    project.api_keys.all().delete()
    project.delete()

    assert not ContextEntry.objects.exists()
    assert Erasure.objects.get().project is None


def test_what_has_expired_is_not_used_and_is_cleared_away(call: Call) -> None:
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    call("POST", "entries", entry(content="fleeting", expiresAt=soon))
    call("POST", "entries", entry(content="lasting"))
    ContextEntry.objects.exclude(expires_at=None).update(expires_at=timezone.now())

    assert "fleeting" not in call("POST", "preview", {"userId": "ada"}).json()["text"]
    clear_expired_answers()
    assert ContextEntry.objects.count() == 1


def test_a_preview_shows_what_would_be_told_and_is_written_down(
    call: Call, project: Project
) -> None:
    EndUser.objects.create(project=project, external_id="ada", name="Ada")
    call(
        "POST", "entries", {"entries": [entry(content="calm"), entry("habits", "run")]}
    )

    told = call("POST", "preview", {"userId": "ada", "exclude": ["habits"]}).json()

    assert "Name: Ada" in told["text"]
    assert "feels: calm" in told["text"]
    assert "run" not in told["text"]
    assert told["entries"] == 1
    assert 0 < told["tokens"] <= told["tokenBudget"]
    seen = ContextView.objects.get()
    assert (seen.scope, str(seen.end_user)) == ("standard", f"{project}:ada")
    assert seen.api_key.startswith("sb_")


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "nowhere"},
        {"dateRange": {"start": "x"}},
        {"dateRange": {"start": "2026-02-01", "end": "2026-01-01"}},
        {"dateRange": []},
        {"include": "feels"},
        {"exclude": ["no slug"]},
        {"more": 1},
        {"scope": 3},
    ],
)
def test_a_wish_that_cannot_be_understood_is_refused(call: Call, body: Any) -> None:
    answer = call("POST", "preview", {"userId": "ada", **body})

    assert answer.status_code == 400, answer.content
    assert answer.json()["error"]["code"] == "invalid_request"


def test_a_projects_own_scope_stands_in_place_of_a_ready_one(
    call: Call, project: Project
) -> None:
    ContextScope.objects.create(
        project=project,
        name="standard",
        kinds=[{"kind": "habits", "days": None, "max_entries": 1}],
        template="Habits: {{entries.habits}}",
        entry_template="{{content}}",
    )
    call("POST", "entries", {"entries": [entry(), entry("habits", "run {{name}}")]})

    told = call("POST", "preview", {"userId": "ada"}).json()
    listed = {each["name"]: each for each in call("GET", "scopes").json()["scopes"]}

    assert told["text"] == "Habits: run {{name}}"
    assert set(listed) == {"minimal", "standard", "comprehensive"}
    assert listed["standard"]["ready"] is False
    assert listed["minimal"]["ready"] is True
