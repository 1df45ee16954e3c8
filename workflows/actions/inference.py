"""Asking a model on behalf of a run: the API's own routes, taken within the process.

What holds for a request from outside (scopes, limits, budgets, cache, routing, metering)
holds for a step as well, because both take the same way.
"""

import time
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from uuid_utils import uuid7

from catalog.protocols import served_by
from gateway.approvals import HEADER as APPROVAL_HEADER
from gateway.candidates import all_candidates_for
from gateway.configuration.records import Catalog, ProjectRecord
from gateway.providers.lists import is_configured, provider_named
from gateway.refusals import ApprovalRequired, LimitExceeded, Refusal
from gateway.replies import EdgeReply
from gateway.selection.estimates import estimate_for
from gateway.types import JSON, InferenceRequest
from gateway.views.audio import SpeechView
from gateway.views.base import InferenceView
from gateway.views.edge_request import EdgeRequest
from gateway.views.embeddings import EmbeddingsView
from gateway.views.images import ImagesView
from gateway.views.moderation import ModerationsView
from gateway.views.own import GenerateView
from gateway.views.rerank import RerankView
from gateway.views.responses import ResponsesView
from workflows.actions.outcomes import Bill, ConsentWanted, Failed, Postponed
from workflows.actions.task import Task
from workflows.limits import MAX_OUTPUT_BYTES

VIEWS: Mapping[str, type[InferenceView]] = {
    "chat": GenerateView,
    "embeddings": EmbeddingsView,
    "speech": SpeechView,
    "images": ImagesView,
    "moderation": ModerationsView,
    "rerank": RerankView,
    "responses": ResponsesView,
}
_MAX_COST = b"x-signalbox-max-cost-usd"
_WAIT_FOR_MONEY_S = 0.5
# What another attempt, later, may do better.
_LATER = frozenset({408, 422, 429, 500, 502, 503, 504})
_SHORTEST_WAIT_S = 0.25


# How a step ends that has no answer.
Unanswered = Failed | Postponed | ConsentWanted


async def ask(
    task: Task, operation: str, body: JSON
) -> tuple[EdgeReply, Bill] | Unanswered:
    """Return the answer of the operation's route with what it cost."""
    view = VIEWS[operation]()
    try:
        body = _routed(body, task, operation)
        request = _edge_request(orjson.dumps(body), task)
        view.request, view.kwargs = request, {}
        reserved = await task.reserve(partial(_most_it_may_cost, view, task))
        if reserved.must_wait:
            return Postponed(_WAIT_FOR_MONEY_S, "money of the run is in use")
        if reserved.usd is not None:
            request.edge_headers[_MAX_COST] = f"{reserved.usd:f}".encode()
        reply = await view.respond(request)
    except Refusal as refusal:
        return _failure(refusal, request_id=_request_id(view))
    if len(reply.body) > MAX_OUTPUT_BYTES:
        msg = (
            f"The answer has {len(reply.body)} bytes, and may have {MAX_OUTPUT_BYTES}."
        )
        return Failed("output_too_large", msg, bill=_bill(reply))
    return reply, _bill(reply)


def _edge_request(content: bytes, task: Task) -> EdgeRequest:
    headers = {
        b"x-signalbox-feature": b"workflow",
        b"x-signalbox-feature-id": f"{task.run.id}/{task.step.id}".encode(),
    }
    if task.consent is not None:
        headers[APPROVAL_HEADER] = str(task.consent).encode()
    if task.run.end_user.isascii():
        headers[b"x-signalbox-user"] = task.run.end_user.encode()
    request = EdgeRequest(
        {"type": "http", "method": "POST", "path": "/workflow"},
        headers,
        content,
        task.caller,
        str(uuid7()),
        task.tools.gateway,
        time.monotonic(),
    )
    request.trace = task.trace
    return request


def _routed(body: JSON, task: Task, operation: str) -> JSON:
    """Add the step's provider and model, as far as they can be asked.

    Raises a `Refusal` where the workflow insists on a provider that cannot.
    """
    step, caller = task.step, task.caller
    catalog = task.tools.gateway.snapshot.catalog
    body = dict(body)
    if step.model:
        body.setdefault("model", step.model)
    provider = step.provider or body.get("provider") or ""
    if isinstance(provider, str) and provider:
        body.pop("provider", None)
        if _can_serve(provider, operation, caller.project, catalog):
            body["provider"] = provider if operation == "chat" else {"only": [provider]}
        elif task.run.strict_providers:
            msg = (
                f"The provider {provider!r} is not configured, "
                "and the workflow has strictProviders."
            )
            raise Refusal(msg, status=503, code="no_healthy_candidate")
        elif not _is_alias(body.get("model") or "", caller.project, catalog):
            body.pop("model", None)
    if not body.get("model") and operation not in served_by("chat"):
        usual = _usual_alias(operation, caller.project, catalog)
        if usual:
            body["model"] = usual
    return body


def _can_serve(
    slug: str, operation: str, project: ProjectRecord, catalog: Catalog
) -> bool:
    provider = provider_named(slug, project, catalog)
    return (
        provider is not None
        and is_configured(provider, project)
        and any(name in provider.endpoints for name in served_by(operation))
    )


def _is_alias(name: str, project: ProjectRecord, catalog: Catalog) -> bool:
    return name in project.aliases or name in catalog.aliases


def _usual_alias(operation: str, project: ProjectRecord, catalog: Catalog) -> str:
    """Return the first alias for an operation, the project's own before the others."""
    for aliases in (project.aliases, catalog.aliases):
        for name, alias in aliases.items():
            if alias.operation == operation:
                return name
    return ""


def _most_it_may_cost(view: InferenceView, task: Task) -> Decimal | None:
    """Return the highest estimate of all who could answer; None: nobody knows."""
    asked = _asked(view)
    found = all_candidates_for(
        asked, task.caller.project, task.tools.gateway.snapshot.catalog
    )
    estimates = [
        estimate_for(asked, found.input_tokens, each.model, each.prices)
        for each in found.able
    ]
    costs = [each.max_usd or each.expected_usd for each in estimates]
    known = [cost for cost in costs if cost is not None]
    return max(known) if known else None


def _asked(view: InferenceView) -> InferenceRequest:
    if isinstance(view, GenerateView):
        return view.asked_of(view.read_body())
    asked = view.asked(view.read_body())
    count = getattr(view.dialect, "units", None)
    if count is not None:
        asked.units = count(asked.body)
    return asked


def _bill(reply: EdgeReply) -> Bill:
    headers = dict(reply.headers)
    cost = headers.get(b"x-signalbox-cost-usd")
    return Bill(
        None if cost is None else Decimal(cost.decode()),
        headers.get(b"x-signalbox-provider", b"").decode(),
        headers.get(b"x-signalbox-model", b"").decode(),
        headers.get(b"x-request-id", b"").decode(),
    )


def _request_id(view: InferenceView) -> str:
    request: Any = getattr(view, "request", None)
    return request.request_id if isinstance(request, EdgeRequest) else ""


def _failure(refusal: Refusal, request_id: str) -> Unanswered:
    wait = _wait_in(refusal)
    if isinstance(refusal, ApprovalRequired) and "approval_id" in refusal.extra:
        return ConsentWanted(UUID(refusal.extra["approval_id"]), refusal.message)
    if isinstance(refusal, LimitExceeded):
        # By the project's own limits: nobody was asked.
        return Postponed(max(wait, _SHORTEST_WAIT_S), refusal.message)
    return Failed(
        refusal.code,
        refusal.message,
        may_retry=refusal.status_code in _LATER,
        retry_after_s=wait,
        bill=Bill(Decimal(0), request_id=request_id),
    )


def _wait_in(refusal: Refusal) -> float:
    try:
        if (milliseconds := refusal.headers.get("retry-after-ms")) is not None:
            return min(float(milliseconds) / 1000, 60.0)
        return min(float(refusal.headers.get("retry-after", 0)), 60.0)
    except ValueError:
        return 0.0
