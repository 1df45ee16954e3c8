"""How runs went, as the figures of usage tell it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tenants.models import Project
from usage.analytics.workflow_runs import RunFigures, run_figures
from workflows.models import WorkflowRun, WorkflowVersion

pytestmark = pytest.mark.django_db


def make_runs(project: Project, *statuses: str) -> None:
    version = WorkflowVersion.objects.create(
        project=project, sealed=b"", fingerprint=project.slug
    )
    for status in statuses:
        WorkflowRun.objects.create(
            project=project,
            version=version,
            name="story",
            status=status,
            total_cost_usd=Decimal("0.25"),
            deadline=timezone.now() + timedelta(hours=1),
        )


def test_runs_of_a_project_and_a_time_are_counted(
    project: Project, other_project: Project
) -> None:
    make_runs(project, "completed", "completed", "failed", "running", "cancelled")
    make_runs(other_project, "failed")
    now = timezone.now()
    hour = timedelta(hours=1)

    found = run_figures(now - hour, now + hour, {"project_id": [project.pk]})
    whole = run_figures(
        now - hour, now + hour, {"organization_id": [project.organization_id]}
    )

    assert found == RunFigures(5, 2, 1, 1, Decimal("1.25"))
    assert found.success_rate == pytest.approx(2 / 3)
    assert whole.total == 6
    assert run_figures(now - 2 * hour, now - hour, {}).total == 0
