"""POST /v1/rerank: documents by how well they answer a query."""

from typing import ClassVar

from rest_framework.request import Request

from gateway.dialects import cohere_rerank
from gateway.openapi.rerank import rerank_schema
from gateway.replies import EdgeReply
from gateway.types import JSON, InferenceRequest
from gateway.views.operations import OperationView


class RerankView(OperationView):
    """Cohere's shape, in both of its versions."""

    dialect: ClassVar = cohere_rerank
    operation: ClassVar = "rerank"

    @rerank_schema
    async def post(self, request: Request) -> EdgeReply:
        return await self.answer_body()

    def asked(self, body: JSON, operation: str = "") -> InferenceRequest:
        """Name the version: providers speak the newer, the older is translated."""
        asked = super().asked(body, operation)
        asked.dialect = cohere_rerank.name_for(body)
        return asked
