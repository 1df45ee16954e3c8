from workflows.models.approval import StepApproval
from workflows.models.idempotency import IdempotentRequest
from workflows.models.incoming_webhook import IncomingWebhook
from workflows.models.run import ACTIVE, WorkflowRun
from workflows.models.schedule import WorkflowSchedule
from workflows.models.step import StepRun
from workflows.models.workflow import Workflow, WorkflowVersion

__all__ = [
    "ACTIVE",
    "IdempotentRequest",
    "IncomingWebhook",
    "StepApproval",
    "StepRun",
    "Workflow",
    "WorkflowRun",
    "WorkflowSchedule",
    "WorkflowVersion",
]
