from workflows.models.approval import StepApproval
from workflows.models.idempotency import IdempotentRequest
from workflows.models.run import ACTIVE, WorkflowRun
from workflows.models.step import StepRun
from workflows.models.workflow import Workflow, WorkflowVersion

__all__ = [
    "ACTIVE",
    "IdempotentRequest",
    "StepApproval",
    "StepRun",
    "Workflow",
    "WorkflowRun",
    "WorkflowVersion",
]
