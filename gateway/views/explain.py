"""POST /v1/route/explain: what would become of a request."""

from typing import ClassVar

import orjson
from rest_framework.request import Request

from gateway.budgets.purse import sieve_for
from gateway.callers import note_caller
from gateway.dialects import openai_chat
from gateway.openapi.explain import explain_schema
from gateway.refusals import PermissionRefused
from gateway.replies import EdgeReply, plain_reply
from gateway.selection.explain import explain, health_from
from gateway.selection.sample_requests import sample_of
from gateway.views.base import InferenceView


class ExplainView(InferenceView):
    """Tells who would be asked, in which order, for how much, and why others would not."""

    dialect: ClassVar = openai_chat

    @explain_schema
    async def post(self, request: Request) -> EdgeReply:
        edge = self.edge
        key, gateway = edge.key, edge.gateway
        snapshot = gateway.snapshot
        asked = sample_of(
            edge.content, edge.edge_headers, key.project, snapshot.catalog
        )
        if key.scopes and asked.operation not in key.scopes:
            msg = f"This key may not be used for {asked.operation}."
            raise PermissionRefused(msg)
        await note_caller(asked, key, snapshot)
        if asked.context is not None:
            await gateway.contexts.prepare(asked, key)
        health = health_from(gateway.standings)
        sieve = await sieve_for(asked, key, gateway.escrow)
        told = explain(
            asked, key.project, snapshot.catalog, health, gateway.affinity, sieve
        )
        told["config_version"] = snapshot.version
        return plain_reply(
            200,
            openai_chat.CONTENT_TYPE,
            orjson.dumps(told),
            {"x-request-id": edge.request_id},
        )
