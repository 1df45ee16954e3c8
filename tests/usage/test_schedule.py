import pytest
from django_celery_beat.models import PeriodicTask

from config.celery import app
from usage.apps import set_up_metering
from usage.schedule import ENTRIES

pytestmark = pytest.mark.django_db


def test_a_migrated_database_has_the_schedule() -> None:
    set_up_metering()

    tasks = PeriodicTask.objects.filter(enabled=True).values_list("task", flat=True)
    assert {entry.task for entry in ENTRIES} <= set(tasks)


def test_every_entry_names_a_task_that_exists() -> None:
    app.loader.import_default_modules()

    assert {entry.task for entry in ENTRIES} <= set(app.tasks)


def test_every_task_may_run_with_nothing_to_do() -> None:
    app.loader.import_default_modules()

    for entry in ENTRIES:
        app.tasks[entry.task].apply(throw=True)


def test_migrating_again_keeps_what_an_operator_changed() -> None:
    set_up_metering()
    PeriodicTask.objects.filter(task="usage.roll_up").update(
        name="Nightly sums", enabled=False, expire_seconds=5
    )

    set_up_metering()

    row = PeriodicTask.objects.get(task="usage.roll_up")
    assert (row.name, row.enabled, row.expire_seconds) == ("Nightly sums", False, 5)
