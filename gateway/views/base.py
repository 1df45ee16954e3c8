"""What all inference views share: DRF's rules, at a price a warm request can pay."""

from collections.abc import Awaitable
from functools import partial
from types import ModuleType
from typing import Any, ClassVar, cast

from rest_framework.exceptions import APIException
from rest_framework.views import APIView

from gateway.approvals import HEADER as APPROVAL
from gateway.authentication import HasProjectKey, ProjectKeyAuthentication
from gateway.captures.recording import captured
from gateway.context.wishes import wish_in
from gateway.controls import (
    attribution_in,
    forwarded_in,
    max_cost_in,
    models_in,
    preferences_in,
)
from gateway.idempotency.keys import HEADER
from gateway.idempotency.once import answer_once
from gateway.refusals import InvalidRequest, MethodRefused, Refusal
from gateway.replies import EdgeReply, answer_reply, plain_reply
from gateway.resilience.patience import patience_in
from gateway.serve import serve
from gateway.strict_json import InvalidJSON, fields_of, parse_object
from gateway.types import JSON, InferenceRequest
from gateway.views.edge_request import EdgeRequest


class InferenceView(APIView):
    """An inference route: authenticated by project key, answered in its dialect."""

    authentication_classes = [ProjectKeyAuthentication]
    permission_classes = [HasProjectKey]
    dialect: ClassVar[ModuleType]
    operation: ClassVar[str] = ""
    methods: ClassVar[tuple[str, ...]] = ("GET", "POST")

    _permissions: ClassVar = (HasProjectKey(),)

    def respond(self, request: EdgeRequest, **kwargs: Any) -> Awaitable[EdgeReply]:
        """Answer, or raise what the edge then tells the client in the dialect.

        What only hands a request on is no coroutine: each has its price at every wait.
        """
        self.request = request
        self.kwargs = kwargs
        handler = getattr(self, (request.method or "").lower(), None)
        if handler is None or request.method not in self.methods:
            raise self._method_refused()
        self.check_permissions(request)
        if request.key.project.capture:
            handler = partial(captured, handler)
        if HEADER in request.edge_headers and request.method == "POST":
            return answer_once(request, partial(handler, request, **kwargs))
        answering: Awaitable[EdgeReply] = handler(request, **kwargs)
        return answering

    def _method_refused(self) -> MethodRefused:
        allowed = [each for each in self.methods if hasattr(self, each.lower())]
        msg = f"Use {' or '.join(allowed)} here."
        return MethodRefused(msg, headers={"allow": ", ".join(allowed)})

    def get_permissions(self) -> Any:
        return self._permissions

    @classmethod
    def refusal_reply(cls, error: APIException, request_id: str) -> EdgeReply:
        refusal = error if isinstance(error, Refusal) else _as_refusal(error)
        return plain_reply(
            refusal.status_code,
            cls.dialect.CONTENT_TYPE,
            cls.error_body(refusal, request_id),
            {"x-request-id": request_id, **refusal.headers},
        )

    @classmethod
    def error_body(cls, refusal: Refusal, request_id: str) -> bytes:
        """Return the refusal in the dialect's words; most have no place for the id."""
        body: bytes = cls.dialect.build_error(
            refusal.status_code,
            refusal.code,
            refusal.message,
            refusal.param,
            {**refusal.extra, **cls.names_request(request_id)},
        )
        return body

    @classmethod
    def names_request(cls, request_id: str) -> JSON:
        """Return how an error names its request, where the dialect has a place for it."""
        return {}

    def asked(self, body: JSON, operation: str = "") -> InferenceRequest:
        """Return what the body asks for, its controls and headers included."""
        edge, dialect = self.edge, self.dialect
        effort = body.get("reasoning_effort")
        return InferenceRequest(
            operation=operation or self.operation,
            dialect=dialect.NAME,
            model=body.get("model") or "",
            fields=fields_of(edge.content),
            size=len(edge.content),
            stream=dialect.wants_stream(body),
            wants_usage=dialect.wants_usage(body),
            max_output_tokens=dialect.max_output_tokens(body),
            models=models_in(body),
            preferences=preferences_in(body),
            attribution=attribution_in(edge.edge_headers),
            began=edge.began,
            body=body,
            forwarded=forwarded_in(
                edge.edge_headers, getattr(dialect, "FORWARDED", ())
            ),
            strict_params=edge.key.project.strict_params,
            effort=effort if type(effort) is str else "",
            patience_s=patience_in(edge.edge_headers),
            max_cost_usd=max_cost_in(edge.edge_headers),
            cache_wish=edge.edge_headers.get(b"x-signalbox-cache", b""),
            context=wish_in(
                edge.edge_headers, edge.key.project, operation or self.operation
            ),
            trace=edge.trace,
        )

    def read_body(self) -> JSON:
        """Return the body as the dialect wants it. Raises `InvalidRequest`."""
        body, dialect = self.read_object(), self.dialect
        try:
            dialect.check_request(body)
        except dialect.Malformed as error:
            raise InvalidRequest(str(error), param=error.param) from error
        return body

    def read_object(self) -> JSON:
        """Return the body as JSON. Raises `InvalidRequest`."""
        try:
            return parse_object(self.edge.content)
        except InvalidJSON as error:
            raise InvalidRequest(str(error)) from error

    async def answer(self, asked: InferenceRequest) -> EdgeReply:
        """Serve the request and return its answer in the view's dialect."""
        edge, dialect = self.edge, self.dialect
        asked.path = edge.path
        asked.approval = edge.edge_headers.get(APPROVAL, b"")
        outcome = await serve(asked, edge.key, edge.request_id, dialect, edge.gateway)
        content_type = dialect.EVENT_STREAM if asked.stream else dialect.CONTENT_TYPE
        return answer_reply(outcome, content_type, edge.began)

    @property
    def edge(self) -> EdgeRequest:
        return cast("EdgeRequest", self.request)


def _as_refusal(error: APIException) -> Refusal:
    return Refusal(str(error.detail), status=error.status_code, code=error.default_code)
