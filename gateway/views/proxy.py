"""Pass-through: a provider's own paths, with a project key."""

import re
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from catalog.protocols import Operation
from gateway.approvals import HEADER as APPROVAL
from gateway.configuration.own_models import provider_named
from gateway.context.wishes import check_no_wish
from gateway.controls import attribution_in, max_cost_in
from gateway.dialects import openai_chat
from gateway.forms import form_in
from gateway.openapi.proxy import proxy_schema
from gateway.passed_paths import Found, find_endpoint, passed_headers
from gateway.passthrough import pass_through
from gateway.refusals import InvalidRequest, RouteNotFound
from gateway.replies import EdgeReply, passed_reply
from gateway.strict_json import InvalidJSON, parse_object
from gateway.types import JSON, InferenceRequest, Variant
from gateway.views.base import InferenceView

_PREFIX = re.compile(r"/proxy/[^/]+")
_JSON = b"json"
_FORM = b"multipart/form-data"


class ProxyView(InferenceView):
    """Sends a request on to a provider as it is."""

    # The errors that are our own; a provider's pass through.
    dialect: ClassVar = openai_chat
    methods: ClassVar = ("GET", "POST", "PUT", "PATCH", "DELETE")

    @proxy_schema
    async def post(self, request: Request, provider: str, path: str) -> EdgeReply:
        return await self._passed(provider)

    @extend_schema(exclude=True)
    async def get(self, request: Request, provider: str, path: str) -> EdgeReply:
        return await self._passed(provider)

    @extend_schema(exclude=True)
    async def put(self, request: Request, provider: str, path: str) -> EdgeReply:
        return await self._passed(provider)

    @extend_schema(exclude=True)
    async def patch(self, request: Request, provider: str, path: str) -> EdgeReply:
        return await self._passed(provider)

    @extend_schema(exclude=True)
    async def delete(self, request: Request, provider: str, path: str) -> EdgeReply:
        return await self._passed(provider)

    async def _passed(self, slug: str) -> EdgeReply:
        edge = self.edge
        project, catalog = edge.key.project, edge.gateway.snapshot.catalog
        provider = provider_named(slug, project, catalog)
        if provider is None:
            msg = f"There is no active provider {slug!r}; GET /api/ai/providers lists them."
            raise RouteNotFound(msg)
        raw: bytes = edge.scope.get("raw_path") or quote(edge.path).encode()
        path = _PREFIX.sub("", raw.decode("ascii", "replace"), count=1)
        found = find_endpoint(provider, path)
        asked = await self._asked(found, slug)
        variant = Variant(
            query=_query_of(edge.scope["query_string"], found.endpoint.pattern),
            headers=passed_headers(edge.edge_headers),
            path=path,
            method=edge.method or "POST",
        )
        passed = await pass_through(
            asked, found, variant, edge.key, edge.request_id, edge.gateway
        )
        return passed_reply(passed, edge.request_id, edge.began)

    async def _asked(self, found: Found, slug: str) -> InferenceRequest:
        edge = self.edge
        check_no_wish(edge.edge_headers)
        content_type = edge.edge_headers.get(b"content-type", b"")
        body = await _body_of(edge.content, content_type)
        model_id = found.model_id or body.get("model") or body.get("model_id")
        if type(model_id) is not str or not model_id:
            msg = "Name the 'model', so that the call can be metered."
            raise InvalidRequest(msg, param="model")
        operation = found.endpoint.operation
        texts = sum(len(v) for v in body.values() if type(v) is str)
        return InferenceRequest(
            operation=operation,
            dialect=found.endpoint.handler,
            model=f"{slug}/{model_id}",
            fields={},
            # Of a form only the texts cost tokens.
            size=texts if content_type.startswith(_FORM) else len(edge.content),
            stream=body.get("stream") is True,
            attribution=attribution_in(edge.edge_headers),
            began=edge.began,
            body=body,
            content=edge.content,
            content_type=content_type,
            units=_units_of(operation, body),
            max_cost_usd=max_cost_in(edge.edge_headers),
            path=edge.path,
            approval=edge.edge_headers.get(APPROVAL, b""),
            trace=edge.trace,
        )


async def _body_of(content: bytes, content_type: bytes) -> JSON:
    """Return the members of a body, as far as it has any. Raises `InvalidRequest`."""
    if content_type.startswith(_FORM):
        return await form_in(content, content_type)
    if _JSON not in content_type or not content:
        return {}
    try:
        return parse_object(content)
    except InvalidJSON as error:
        raise InvalidRequest(str(error)) from error


def _units_of(operation: str, body: JSON) -> dict[str, int]:
    """Count what is sold by the piece."""
    if operation == Operation.SPEECH:
        text = body.get("input") or body.get("text")
        return {"character": len(text)} if type(text) is str else {}
    if operation == Operation.IMAGES:
        number: Any = body.get("n")
        return {"image": number if type(number) is int and number > 0 else 1}
    return {"search": 1} if operation == Operation.RERANK else {}


def _query_of(sent: bytes, pattern: str) -> str:
    """Return the query for the provider: the client's without its key, and the pattern's."""
    pairs = [
        (name, value)
        for name, value in parse_qsl(sent.decode("latin-1"), keep_blank_values=True)
        if name != "key"
    ]
    given = {name for name, _ in pairs}
    constant = parse_qsl(pattern.partition("?")[2], keep_blank_values=True)
    pairs += [(name, value) for name, value in constant if name not in given]
    return "&".join(f"{quote(name)}={quote(value)}" for name, value in pairs)
