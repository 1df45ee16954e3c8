"""What the routes of workflows share: our own shape, and the database outside the loop."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

import orjson

from gateway.dialects import signalbox
from gateway.refusals import InvalidRequest, Refusal
from gateway.replies import EdgeReply, plain_reply
from gateway.types import JSON
from gateway.views.edge_request import EdgeRequest
from gateway.views.own import OwnView
from workflows.definitions.mistakes import Mistake
from workflows.definitions.validation import mistakes_in
from workflows.models import WorkflowRun
from workflows.runs.starting import NotStarted
from workflows.views.desk import desk

T = TypeVar("T")

_MAX_TOLD = 20
_MAX_KEY = 255
_MAX_USER = 200


class DefinitionRefused(InvalidRequest):
    """The definition has mistakes; all of them are told."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        told = " ".join(map(str, mistakes[:_MAX_TOLD]))
        more = len(mistakes) - _MAX_TOLD
        super().__init__(
            told if more <= 0 else f"{told} And {more} more.",
            param=mistakes[0].path or "workflow",
            extra={"mistakes": [each._asdict() for each in mistakes]},
        )


class WorkflowView(OwnView):
    operation: ClassVar = ""

    async def respond(self, request: EdgeRequest, **kwargs: Any) -> EdgeReply:
        """Answer. Keys of idempotency are kept with what they made, in the database."""
        self.request = request
        self.kwargs = kwargs
        handler = getattr(self, (request.method or "").lower(), None)
        if handler is None or request.method not in self.methods:
            raise self._method_refused()
        self.check_permissions(request)
        reply: EdgeReply = await handler(request, **kwargs)
        return reply

    async def read(self, function: Callable[[], T]) -> T:
        """Return what the function finds, its refusals as the API tells them."""
        try:
            return await desk().read(function)
        except NotStarted as error:
            raise Refusal(str(error), status=error.status, code=error.code) from error

    def reply(self, content: JSON, status: int = 200) -> EdgeReply:
        return plain_reply(
            status,
            signalbox.CONTENT_TYPE,
            orjson.dumps(content),
            {"x-request-id": self.edge.request_id},
        )

    def body_with(self, *known: str) -> JSON:
        """Return the body, which may have these fields only. An empty one is allowed."""
        body = self.read_object() if self.edge.content.strip() else {}
        for name in body:
            if name not in known:
                msg = f"{name[:100]!r} is not known; there are {', '.join(known)}."
                raise InvalidRequest(msg, param=name[:100])
        return body

    def query(self) -> dict[str, str]:
        """Return the query's parameters, the last of each name."""
        found = parse_qs(self.edge.scope["query_string"].decode("latin-1"))
        return {name: values[-1] for name, values in found.items()}

    @property
    def project_id(self) -> int:
        return self.edge.key.project.id

    def idempotency_key(self) -> str:
        key = self.edge.edge_headers.get(b"idempotency-key", b"").decode("latin-1")
        if len(key) > _MAX_KEY or not key.isprintable():
            msg = f"Idempotency-Key has at most {_MAX_KEY} printable characters."
            raise InvalidRequest(msg, param="Idempotency-Key")
        return key


def text_in(body: JSON, name: str, limit: int = _MAX_USER) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit or not value.isprintable():
        msg = f"{name!r} must be a text of at most {limit} printable characters."
        raise InvalidRequest(msg, param=name)
    return value


def checked(definition: Any) -> JSON:
    """Return the definition. Raises `DefinitionRefused`."""
    mistakes = mistakes_in(definition)
    if mistakes:
        raise DefinitionRefused(mistakes)
    found: JSON = definition
    return found


def run_of(run_id: UUID, project_id: int) -> WorkflowRun:
    """Return the project's run. Raises a `Refusal`; to be called by `read`."""
    run: WorkflowRun | None = (
        WorkflowRun.objects.select_related("version")
        .filter(pk=run_id, project_id=project_id)
        .first()
    )
    if run is None:
        raise no_such_run()
    return run


def no_such_run() -> Refusal:
    msg = "There is no such run; GET /api/workflows/runs lists them."
    return Refusal(msg, status=404, code="not_found")
