"""What a run has come to as a whole."""

from typing import Any

from workflows.models import StepRun, WorkflowRun
from workflows.models.step import MAIN


def output_of(run: WorkflowRun) -> Any:
    """Return the output of the last step; of several that nothing follows, by step."""
    ends = run.version.flow().graph.ends()
    found = StepRun.objects.filter(
        run=run, item=MAIN, step__in=ends, status=StepRun.Status.COMPLETED
    )
    outputs = {row.step: row.read("output") for row in found}
    if len(outputs) == 1:
        return next(iter(outputs.values()))
    return outputs or None
