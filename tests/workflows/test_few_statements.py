"""What a worker asks the database between one step and the next."""

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from tenants.models import Project
from tests.factories import ProjectFactory
from workflows import contents
from workflows.actions.outcomes import Done
from workflows.engine.claims import Report
from workflows.engine.turns import take_turn
from workflows.models import StepRun
from workflows.runs.starting import inline_version, start_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db: None) -> Iterator[Project]:
    contents.forget_keys()
    yield ProjectFactory.create(slug="acorn")
    contents.forget_keys()


def step(number: int, **fields: Any) -> dict[str, Any]:
    before = "" if number == 0 else f"{{{{s{number - 1}.output}}}}"
    return {
        "id": f"s{number}",
        "action": "generate",
        "input": {"prompt": f"{before} {{{{input.x}}}}"},
        **fields,
    }


def test_one_step_after_another_takes_five_statements(
    project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    steps = [step(n, onSuccess=f"s{n + 1}") for n in range(4)]
    version = inline_version(project, {"name": "x", "steps": [*steps, step(4)]})
    run = start_run(version, {"x": "y"})
    (claimed,) = take_turn(run.pk, [], [], 10).claimed

    # The run, its steps, the step that begins, the one that ended, and the run again.
    for number in range(3):
        report = Report(claimed.id, claimed.claim, Done(f"out {number}"))
        with django_assert_num_queries(5):
            (claimed,) = take_turn(run.pk, [report], [], 10).claimed
        assert claimed.values[f"s{number}"]["output"] == f"out {number}"
        assert claimed.values["input"] == {"x": "y"}

    assert StepRun.objects.filter(run=run).count() == 4
