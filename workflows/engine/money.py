"""The money of a run: taken before it is spent, so that parallel steps do not overspend."""

from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from workflows.actions.task import Reserved
from workflows.models import StepRun, WorkflowRun

_ZERO = Decimal(0)
_HOLDING = (StepRun.Status.RUNNING, StepRun.Status.WAITING)


def reserve(
    run_id: UUID,
    step_id: UUID,
    claim: UUID,
    wanted: Decimal | None,
    step_max: Decimal | None,
) -> Reserved:
    """Set aside what a step may cost, under the lock of the run's row.

    `wanted` None: nobody knows, so all that is left is taken. What was set aside comes
    back when the step ends, or with the claim when its worker dies.
    """
    run = (
        WorkflowRun.objects.select_for_update()
        .only("max_cost_usd", "total_cost_usd")
        .get(pk=run_id)
    )
    row = StepRun.objects.only("cost_usd").filter(pk=step_id, claim=claim).first()
    if row is None:
        # The claim is lost, and what comes of it will not count.
        return Reserved(_ZERO)
    bounds = []
    if step_max is not None:
        bounds.append(step_max - (row.cost_usd or _ZERO))
    if run.max_cost_usd is not None:
        others = (
            StepRun.objects.filter(run=run, status__in=_HOLDING)
            .exclude(pk=step_id)
            .aggregate(sum=Sum("reserved_usd"))["sum"]
            or _ZERO
        )
        left = run.max_cost_usd - run.total_cost_usd
        needed = min([left, *bounds] + ([] if wanted is None else [wanted]))
        if others > 0 and needed > left - others:
            return Reserved(must_wait=True)
        bounds.append(left - others)
    granted = max(_ZERO, min(bounds))
    if run.max_cost_usd is not None:
        reserved = granted if wanted is None else min(granted, wanted)
        StepRun.objects.filter(pk=step_id).update(reserved_usd=reserved)
    return Reserved(granted)
