"""Runs by the clock of the project: one for each moment, whoever looks."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from tenants.models import Project
from tests.factories import ProjectFactory
from workflows import contents
from workflows.models import WorkflowRun, WorkflowSchedule
from workflows.runs.scheduled import DUE, begin_due
from workflows.saving import save_version

pytestmark = pytest.mark.django_db
DEFINITION = {
    "name": "report",
    "steps": [
        {"id": "a", "action": "transform", "input": {"from": "{{input.who}}"}},
    ],
}


@pytest.fixture
def project(db: None) -> Iterator[Project]:
    contents.forget_keys()
    yield ProjectFactory.create(slug="acorn", time_zone="Europe/Berlin")
    contents.forget_keys()


@pytest.fixture
def schedule(project: Project) -> WorkflowSchedule:
    version = save_version(project, DEFINITION)
    made = WorkflowSchedule(
        project=project, workflow=version.workflow, name="daily", cron="0 9 * * *"
    )
    made.put_input({"who": "Ada"})
    made.save()
    return made


def make_due(schedule: WorkflowSchedule, ago: timedelta = timedelta(seconds=1)) -> None:
    schedule.next_at = timezone.now() - ago
    schedule.save(update_fields=["next_at"])


def due(schedule: WorkflowSchedule) -> datetime:
    assert schedule.next_at is not None
    return schedule.next_at


def test_a_schedule_is_due_by_the_clock_of_its_project(
    schedule: WorkflowSchedule,
) -> None:
    berlin = due(schedule).astimezone(schedule_zone(schedule))

    assert (berlin.hour, berlin.minute) == (9, 0)
    assert due(schedule) > timezone.now()
    assert begin_due(10) == []


def schedule_zone(schedule: WorkflowSchedule) -> ZoneInfo:
    return ZoneInfo(schedule.project.time_zone)


def test_a_run_begins_when_it_is_due_with_the_input_of_the_schedule(
    schedule: WorkflowSchedule,
) -> None:
    make_due(schedule)

    (run_id,) = begin_due(10)

    run = WorkflowRun.objects.get(pk=run_id)
    schedule.refresh_from_db()
    assert run.trigger == "schedule"
    assert run.read_input()["who"] == "Ada"
    assert run.read_input()[DUE].endswith("Z")
    assert due(schedule) > timezone.now()
    assert schedule.problem == ""
    assert begin_due(10) == []


def test_one_that_nobody_can_begin_does_not_hold_up_the_others(
    schedule: WorkflowSchedule,
) -> None:
    other = WorkflowSchedule(
        project=schedule.project,
        workflow=schedule.workflow,
        name="broken",
        cron="0 9 * * *",
    )
    other.put_input({"who": "Eve"})
    other.save()
    WorkflowSchedule.objects.filter(pk=other.pk).update(sealed_input=b"nonsense")
    make_due(other, timedelta(seconds=9))
    make_due(schedule)

    (run_id,) = begin_due(10)

    assert WorkflowRun.objects.get(pk=run_id).read_input()["who"] == "Ada"
    other = WorkflowSchedule.objects.get(pk=other.pk)
    assert "could not be made (Unsealable)" in other.problem
    assert due(other) > timezone.now()
    assert begin_due(10) == []


@pytest.mark.django_db(transaction=True)
def test_many_who_look_at_once_begin_one_run(schedule: WorkflowSchedule) -> None:
    make_due(schedule)
    begun: list[object] = []
    together = threading.Barrier(8)

    def look() -> None:
        together.wait()
        begun.extend(begin_due(10))
        connection.close()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(begun) == WorkflowRun.objects.count() == 1


def test_the_same_moment_begins_nothing_new_however_often_it_is_due(
    schedule: WorkflowSchedule,
) -> None:
    moment = timezone.now() - timedelta(seconds=1)
    for _ in range(2):
        WorkflowSchedule.objects.update(next_at=moment)
        begin_due(10)

    assert WorkflowRun.objects.count() == 1


def test_moments_that_were_missed_are_made_up_for_by_one_run(
    schedule: WorkflowSchedule,
) -> None:
    schedule.cron = "0 * * * *"
    schedule.save()
    make_due(schedule, timedelta(hours=5))

    assert len(begin_due(10)) == 1
    schedule.refresh_from_db()
    assert schedule.last_at is not None
    assert timezone.now() - schedule.last_at < timedelta(hours=1)


def test_what_cannot_begin_says_why_and_is_due_again(
    schedule: WorkflowSchedule,
) -> None:
    schedule.put_input({})
    schedule.save()
    make_due(schedule)

    assert begin_due(10) == []
    schedule.refresh_from_db()
    assert "input.who" in schedule.problem
    assert due(schedule) > timezone.now()


def test_a_schedule_follows_its_project_into_another_time_zone(
    schedule: WorkflowSchedule, project: Project
) -> None:
    Project.objects.filter(pk=project.pk).update(time_zone="Asia/Tokyo")

    assert begin_due(10) == []
    schedule.refresh_from_db()
    schedule.project.refresh_from_db()
    assert due(schedule).astimezone(schedule_zone(schedule)).hour == 9


def test_what_is_switched_off_begins_nothing(
    schedule: WorkflowSchedule, project: Project
) -> None:
    make_due(schedule)
    Project.objects.filter(pk=project.pk).update(active=False)
    assert begin_due(10) == []
    schedule.refresh_from_db()
    assert schedule.problem == "The project is switched off."

    schedule.active = False
    schedule.save()
    assert schedule.next_at is None
    assert begin_due(10) == []
