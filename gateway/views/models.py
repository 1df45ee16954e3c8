"""GET /v1/models and /v1/models/{id}: what a key may use, in the client's shape."""

from typing import Any, ClassVar

import orjson
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from gateway.dialects import gemini_generate, openai_chat
from gateway.model_lists import ENTRIES, LISTS, dialect_of, entries_of, entry_for
from gateway.openapi.chat import gemini_v1_schema
from gateway.openapi.models import gemini_models_schema, model_schema, models_schema
from gateway.refusals import UnknownModel
from gateway.replies import EdgeReply, plain_reply
from gateway.views.base import InferenceView
from gateway.views.chat import GenerateContentView
from gateway.views.edge_request import EdgeRequest


class ModelsView(InferenceView):
    """Lists aliases first, then every model whose provider is configured."""

    dialect: ClassVar = openai_chat

    @models_schema
    async def get(self, request: Request) -> EdgeReply:
        edge = self.edge
        entries = entries_of(edge.key, edge.gateway.snapshot.catalog)
        return _json_reply(LISTS[_dialect(edge)](entries), edge.request_id)


class ModelView(InferenceView):
    """One alias or model."""

    dialect: ClassVar = openai_chat

    @model_schema
    async def get(self, request: Request, model: str) -> EdgeReply:
        return _one(self.edge, model)


class GeminiModelView(GenerateContentView):
    """Where Gemini's clients ask for a model, and call its methods."""

    @extend_schema(exclude=True)
    async def get(self, request: Request, target: str) -> EdgeReply:
        return _one(self.edge, target)


class GeminiModelsView(ModelsView):
    """The list at the path of Gemini's own."""

    dialect: ClassVar = gemini_generate

    @gemini_models_schema
    async def get(self, request: Request) -> EdgeReply:
        reply: EdgeReply = await super().get(request)
        return reply


class GeminiMethodView(GeminiModelView):
    """Gemini's methods at the path that all dialects share."""

    @gemini_v1_schema
    async def post(self, request: Request, target: str) -> EdgeReply:
        reply: EdgeReply = await super().post(request, target)
        return reply


def _one(edge: EdgeRequest, name: str) -> EdgeReply:
    name = name.removeprefix("models/")
    key = edge.key
    entry = entry_for(name, key.project, edge.gateway.snapshot.catalog)
    if entry is None or (key.aliases and name not in key.aliases):
        msg = f"There is no model or alias {name!r}; GET /v1/models lists them."
        raise UnknownModel(msg, param="model")
    return _json_reply(ENTRIES[_dialect(edge)](entry), edge.request_id)


def _dialect(edge: EdgeRequest) -> str:
    return dialect_of(edge.path, edge.edge_headers, edge.scope["query_string"])


def _json_reply(content: dict[str, Any], request_id: str) -> EdgeReply:
    return plain_reply(
        200,
        openai_chat.CONTENT_TYPE,
        orjson.dumps(content),
        {"x-request-id": request_id},
    )
