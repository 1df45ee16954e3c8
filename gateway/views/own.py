"""Signalbox's own dialect: generate, stream, and what a project can use."""

from collections.abc import Mapping
from typing import ClassVar

import msgspec
import orjson
from rest_framework.request import Request

from gateway.approvals import HEADER as APPROVAL
from gateway.canonical import ChatRequest
from gateway.context.wishes import wish_of
from gateway.dialects import signalbox
from gateway.exchange import canonical_of
from gateway.generate_answers import OwnStream, answer_of
from gateway.generate_requests import attribution_of, model_of, preferences_of
from gateway.openapi.own_generation import generate_schema, stream_schema
from gateway.openapi.own_providers import health_schema, providers_schema
from gateway.providers.lists import health_report, provider_list
from gateway.refusals import InvalidRequest, Refusal
from gateway.replies import EdgeReply, answer_reply, plain_reply
from gateway.serve import Outcome, serve
from gateway.structured_output import SchemaRefused, check_format
from gateway.types import JSON, InferenceRequest
from gateway.views.base import InferenceView


class OwnView(InferenceView):
    """A route whose answers and errors have our own shape."""

    dialect: ClassVar = signalbox

    @classmethod
    def error_body(cls, refusal: Refusal, request_id: str) -> bytes:
        return signalbox.build_error(
            refusal.status_code,
            refusal.code,
            refusal.message,
            refusal.param,
            refusal.extra,
            request_id=request_id,
        )

    def json_reply(self, content: JSON) -> EdgeReply:
        return plain_reply(
            200,
            signalbox.CONTENT_TYPE,
            orjson.dumps(content),
            {"x-request-id": self.edge.request_id},
        )


class GenerateView(OwnView):
    """Answers a prompt or a conversation with one object."""

    operation: ClassVar = "chat"

    @generate_schema
    async def post(self, request: Request) -> EdgeReply:
        asked = self.asked_of(self.read_body())
        outcome = await self._served(asked)
        answer = outcome.answer
        if answer.reply is not None:
            said = answer_of(orjson.loads(answer.reply.body), outcome, asked)
            answer.reply = msgspec.structs.replace(
                answer.reply, body=orjson.dumps(said)
            )
        return answer_reply(outcome, signalbox.CONTENT_TYPE, self.edge.began)

    def asked_of(self, body: JSON, *, stream: bool = False) -> InferenceRequest:
        """Return what the body asks for. Raises `InvalidRequest`."""
        edge = self.edge
        project, catalog = edge.key.project, edge.gateway.snapshot.catalog
        provider = body.get("provider")
        # A provider's name is ours to read; the object is what all dialects know.
        controls = body if isinstance(provider, Mapping) else _without_provider(body)
        asked = self.asked(controls)
        asked.stream = stream
        asked.preferences = preferences_of(body, asked.preferences, project, catalog)
        asked.attribution = attribution_of(body, asked.attribution)
        asked.context = wish_of(body, asked.context, project)
        _check_format(canonical_of(asked, signalbox))
        asked.model = model_of(body, project, catalog)
        return asked

    async def _served(self, asked: InferenceRequest) -> Outcome:
        edge = self.edge
        asked.path = edge.path
        asked.approval = edge.edge_headers.get(APPROVAL, b"")
        return await serve(asked, edge.key, edge.request_id, signalbox, edge.gateway)


class StreamView(GenerateView):
    """The same as server-sent events."""

    @stream_schema
    async def post(self, request: Request) -> EdgeReply:
        asked = self.asked_of(self.read_body(), stream=True)
        outcome = await self._served(asked)
        reply = answer_reply(outcome, signalbox.EVENT_STREAM, self.edge.began)
        if reply.stream is not None:
            reply.stream = OwnStream(reply.stream, outcome, asked)
        return reply


class ProvidersView(OwnView):
    """The providers that the project may use, with their prices."""

    @providers_schema
    async def get(self, request: Request) -> EdgeReply:
        edge = self.edge
        return self.json_reply(provider_list(edge.key, edge.gateway.snapshot.catalog))


class HealthView(OwnView):
    """How these providers did when they were last checked."""

    @health_schema
    async def get(self, request: Request) -> EdgeReply:
        edge = self.edge
        snapshot = edge.gateway.snapshot
        latest = await edge.gateway.health.latest(snapshot)
        return self.json_reply(
            health_report(edge.key.project, snapshot.catalog, latest)
        )


def _check_format(canonical: ChatRequest) -> None:
    """Refuse a schema that no answer could be checked against."""
    try:
        check_format(canonical.output_format)
    except SchemaRefused as error:
        raise InvalidRequest(str(error), param="responseFormat") from error


def _without_provider(body: JSON) -> JSON:
    return {name: value for name, value in body.items() if name != "provider"}
