"""The lean way from the socket to an inference view and back.

The key is checked before the body is read, the body is capped while it is read, and
a client that goes away takes its request with it.
"""

import asyncio
import logging
import time

from django.conf import settings
from django.urls import Resolver404, ResolverMatch, get_resolver
from rest_framework.exceptions import APIException
from uuid_utils import uuid7

from gateway.asgi import Receive, Scope, Send
from gateway.authentication import (
    authenticate,
    check_network,
    check_project,
    check_repeats,
    key_in,
)
from gateway.clients import Client, ClientGone, ClientWatch
from gateway.metrics.counts import COUNTS
from gateway.refusals import Draining, RouteNotFound, Unforeseen
from gateway.replies import EdgeReply
from gateway.sending import send_stream, send_whole
from gateway.serve import Gateway
from gateway.telemetry.passing import TRACEPARENT, passed_trace
from gateway.telemetry.telling import RequestTrace
from gateway.uses import USES
from gateway.views.base import InferenceView
from gateway.views.chat import GenerateContentView, MessagesView
from gateway.views.edge_request import EdgeRequest
from gateway.views.models import ModelsView
from gateway.views.own import OwnView

logger = logging.getLogger(__name__)

PREFIXES = (
    "/v1/",
    "/v1beta/",
    "/openai/",
    "/anthropic/",
    "/gemini/",
    "/api/ai/",
    "/proxy/",
)

_MAX_ROUTES = 256


# Whose error shape a request gets that finds no route.
_NEIGHBOURS: tuple[tuple[str, type[InferenceView]], ...] = (
    ("/v1/messages", MessagesView),
    ("/anthropic/", MessagesView),
    ("/v1beta/", GenerateContentView),
    ("/gemini/", GenerateContentView),
    ("/api/ai/", OwnView),
    ("/api/workflows/", OwnView),
    ("/", ModelsView),
)


def _view_of_errors(path: str) -> type[InferenceView]:
    return next(view for prefix, view in _NEIGHBOURS if path.startswith(prefix))


class Edge:
    """The ASGI application of the inference paths, or of others like them."""

    def __init__(self, gateway: Gateway, routes: str = "gateway.urls") -> None:
        self._gateway = gateway
        self._resolver = get_resolver(routes)
        # The views behind them are imported now, and not by the first request.
        self._resolver.url_patterns  # noqa: B018
        self._routes: dict[str, ResolverMatch] = {}
        self._max_body = settings.MAX_BODY_BYTES
        self._watch = ClientWatch()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = Client(receive, self._watch)
        telemetry = self._gateway.telemetry
        trace = None if telemetry is None else telemetry.request(scope)
        try:
            reply = await self._reply(scope, client, trace)
            if trace is not None:
                trace.answered(reply.status)
            COUNTS.request(reply.status, reply.overhead_ms)
            if reply.stream is None:
                await send_whole(reply, scope, send)
            else:
                await send_stream(reply, reply.stream, client, scope, send)
        except asyncio.CancelledError:
            if not client.gone:
                raise
            client.task.uncancel()
        except ClientGone:
            pass
        finally:
            client.leave()
            if trace is not None:
                trace.ended()

    async def _reply(
        self, scope: Scope, client: Client, trace: RequestTrace | None
    ) -> EdgeReply:
        began = time.monotonic()
        request_id = str(uuid7())
        sent: list[tuple[bytes, bytes]] = scope["headers"]
        headers = dict(sent)
        view_class: type[InferenceView] | None = None
        try:
            if len(headers) < len(sent):
                check_repeats(sent)
            match = self._route(scope["path"])
            view_class = match.func.view_class  # type: ignore[attr-defined]
            key = await authenticate(
                key_in(headers, scope["query_string"]),
                self._gateway.snapshot,
                scope,
                headers,
            )
            if key.networks:
                forwarded = headers.get(b"x-forwarded-for", b"")
                check_network(key, scope.get("client"), forwarded)
            check_project(key, headers.get(b"x-project-id"))
            USES.note_key(key.pk)
            content = await client.read_body(headers, self._max_body)
            request = EdgeRequest(
                scope, headers, content, key, request_id, self._gateway, began
            )
            if trace is not None:
                trace.accepted(request_id, key.project.slug, match.route)
                request.trace = trace
            elif TRACEPARENT in headers:
                request.trace = passed_trace(headers)
            return await view_class().respond(request, **match.kwargs)
        except APIException as refused:
            error = refused
        except asyncio.CancelledError:
            client.outlived_server()
            error = Draining()
        except ClientGone:
            raise
        except Exception:
            # The one place where the unforeseen is turned into an answer.
            logger.exception("request failed", extra={"request_id": request_id})
            error = Unforeseen()
        view_class = view_class or _view_of_errors(scope["path"])
        try:
            return view_class.refusal_reply(error, request_id)
        finally:
            # Its traceback holds this frame, and that all of the request.
            del error

    def _route(self, path: str) -> ResolverMatch:
        match = self._routes.get(path)
        if match is None:
            try:
                match = self._resolver.resolve(path)
            except Resolver404 as error:
                msg = (
                    f"There is nothing at {path[:200]}; "
                    "GET /api/docs/ lists the endpoints."
                )
                raise RouteNotFound(msg) from error
            if not match.kwargs and len(self._routes) < _MAX_ROUTES:
                self._routes[path] = match
        return match
