"""GET /v1/models and /v1/models/{id}: what a key may use."""

import time
from typing import Any, ClassVar

import orjson
from rest_framework.request import Request

from gateway.candidates import credential_for
from gateway.dialects import openai_chat
from gateway.errors import UnknownModel
from gateway.openapi.models import model_schema, models_schema
from gateway.records import Catalog, ModelRecord, ProjectRecord
from gateway.replies import EdgeReply, plain_reply
from gateway.views.base import InferenceView


class ModelsView(InferenceView):
    """Lists aliases first, then every model whose provider is configured."""

    dialect: ClassVar = openai_chat

    @models_schema
    async def get(self, request: Request) -> EdgeReply:
        edge = self.edge
        entries = list_for(edge.key.project, edge.gateway.snapshot.catalog)
        return _json_reply({"object": "list", "data": entries}, edge.request_id)


class ModelView(InferenceView):
    """One alias or model."""

    dialect: ClassVar = openai_chat

    @model_schema
    async def get(self, request: Request, model: str) -> EdgeReply:
        edge = self.edge
        catalog = edge.gateway.snapshot.catalog
        for entry in list_for(edge.key.project, catalog):
            if entry["id"] == model:
                return _json_reply(entry, edge.request_id)
        for known in catalog.models_by_id.get(model, ()):
            if _is_usable(known, edge.key.project):
                return _json_reply(
                    _entry(model, known.provider.slug, catalog), edge.request_id
                )
        msg = f"There is no model or alias {model!r}; GET /v1/models lists them."
        raise UnknownModel(msg, param="model")


def list_for(project: ProjectRecord, catalog: Catalog) -> list[dict[str, Any]]:
    """Return the aliases and models of a project, in OpenAI's shape."""
    names = sorted({*project.aliases, *catalog.aliases})
    return [_entry(name, "signalbox", catalog) for name in names] + [
        _entry(name, model.provider.slug, catalog)
        for name, model in sorted(catalog.models_by_name.items())
        if _is_usable(model, project)
    ]


def _is_usable(model: ModelRecord, project: ProjectRecord) -> bool:
    provider = model.provider
    if project.allowed_regions and provider.region not in project.allowed_regions:
        return False
    return provider.auth_kind == "none" or credential_for(model, project) is not None


def _entry(name: str, owner: str, catalog: Catalog) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": int(catalog.loaded_at or time.time()),
        "owned_by": owner,
    }


def _json_reply(content: dict[str, Any], request_id: str) -> EdgeReply:
    return plain_reply(
        200,
        openai_chat.CONTENT_TYPE,
        orjson.dumps(content),
        {"x-request-id": request_id},
    )
