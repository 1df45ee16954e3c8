"""Workflows that are kept: saving, listing, looking at one."""

from functools import partial
from typing import Any

from django.db.models import Case, QuerySet, When
from rest_framework.request import Request

from gateway.refusals import InvalidRequest, Refusal
from gateway.replies import EdgeReply
from gateway.types import JSON
from tenants.models import Project
from workflows.contents import signing_secret
from workflows.definitions.validation import mistakes_in
from workflows.limits import MAX_NAME_LENGTH
from workflows.models import Workflow, WorkflowVersion
from workflows.models.workflow import workflow_named
from workflows.openapi.stored import (
    create_schema,
    list_schema,
    secret_schema,
    validate_schema,
    workflow_schema,
)
from workflows.runs.answers import workflow_summary
from workflows.runs.keys import once
from workflows.runs.paging import page_of, page_size
from workflows.saving import VersionTaken, save_version
from workflows.views.base import WorkflowView, checked, text_in

_WRAPPED = ("name", "version", "definition", "status")
_STATUSES = ("active", "draft")
_Status = WorkflowVersion.Status


class CreateView(WorkflowView):
    """Keeps a definition: bare, or as `definition` with a name and a version."""

    methods = ("POST",)

    @create_schema
    async def post(self, request: Request) -> EdgeReply:
        body = self.read_object()
        status = _Status.ACTIVE.value
        definition: Any = body
        if "definition" in body:
            body = self.body_with(*_WRAPPED)
            definition, status = _unwrapped(body)
        definition = checked(definition)
        version = await self.read(
            partial(
                _create,
                self.project_id,
                definition,
                text_in(body, "name", MAX_NAME_LENGTH) or definition["name"],
                status,
                self.idempotency_key(),
            )
        )
        return self.reply({"success": True, **version}, 201)


class ListView(WorkflowView):
    """The project's workflows, the newest first."""

    methods = ("GET",)

    @list_schema
    async def get(self, request: Request) -> EdgeReply:
        query = self.query()
        size = page_size(query)
        return self.reply(
            await self.read(
                partial(_list, self.project_id, size, query.get("cursor", ""))
            )
        )


class OneWorkflowView(WorkflowView):
    """A stored workflow with its definition."""

    methods = ("GET",)

    @workflow_schema
    async def get(self, request: Request, workflow: str) -> EdgeReply:
        return self.reply(await self.read(partial(_one, self.project_id, workflow)))


class ValidateView(WorkflowView):
    """Says everything that is wrong with a definition, and keeps nothing."""

    methods = ("POST",)

    @validate_schema
    async def post(self, request: Request) -> EdgeReply:
        mistakes = mistakes_in(self.read_object())
        return self.reply(
            {
                "success": True,
                "valid": not mistakes,
                "mistakes": [each._asdict() for each in mistakes],
            }
        )


class SigningSecretView(WorkflowView):
    """What the project's webhooks are signed with."""

    methods = ("GET",)

    @secret_schema
    async def get(self, request: Request) -> EdgeReply:
        secret = await self.read(partial(signing_secret, self.project_id))
        return self.reply({"success": True, "secret": secret})


def _unwrapped(body: JSON) -> tuple[Any, str]:
    definition = body["definition"]
    if isinstance(definition, dict):
        # What stands outside goes for the definition as well.
        definition = {
            **definition,
            **{name: body[name] for name in ("name", "version") if name in body},
        }
    status = body.get("status", _STATUSES[0])
    if status not in _STATUSES:
        msg = f"'status' must be one of {', '.join(_STATUSES)}."
        raise InvalidRequest(msg, param="status")
    return definition, status


def _create(
    project_id: int, definition: JSON, name: str, status: str, key: str
) -> JSON:
    def make() -> WorkflowVersion:
        return save_version(
            Project.objects.get(pk=project_id),
            definition,
            name=name,
            number=definition.get("version"),
            status=status,
        )

    try:
        version = once("create", key, project_id, [definition, name, status], make)
    except VersionTaken as error:
        raise Refusal(str(error), status=409, code="version_exists") from error
    return workflow_summary(version)


def _list(project_id: int, size: int, cursor: str) -> JSON:
    workflows = Workflow.objects.filter(project_id=project_id)
    page, following = page_of(workflows, size, cursor)
    shown = _first_shown(
        WorkflowVersion.objects.filter(workflow__in=page).select_related("workflow")
    )
    by_workflow = {version.workflow_id: version for version in shown}
    return {
        "success": True,
        "total": workflows.count(),
        "workflows": [
            workflow_summary(by_workflow[each.pk])
            for each in page
            if each.pk in by_workflow
        ],
        "nextCursor": following,
    }


def _first_shown(versions: QuerySet[WorkflowVersion]) -> QuerySet[WorkflowVersion]:
    """Return of each workflow the active version; of one without it, the newest."""
    is_active = Case(When(status=_Status.ACTIVE, then=0), default=1)
    return versions.order_by("workflow_id", is_active, "-number").distinct(
        "workflow_id"
    )


def _one(project_id: int, name_or_id: str) -> JSON:
    version = _first_shown(
        WorkflowVersion.objects.filter(
            workflow_named(name_or_id), project_id=project_id
        ).select_related("workflow")
    ).first()
    if version is None:
        msg = "There is no such workflow; GET /api/workflows/list lists them."
        raise Refusal(msg, status=404, code="not_found")
    return {"success": True, **workflow_summary(version), "definition": version.said()}
