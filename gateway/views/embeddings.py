"""Embeddings in every dialect."""

from typing import ClassVar

import msgspec
from rest_framework.request import Request

from gateway.dialects import gemini_embeddings, openai_embeddings
from gateway.exchange import CONTROLS
from gateway.openapi.embeddings import (
    batch_embed_schema,
    batch_embed_v1_schema,
    embed_schema,
    embed_v1_schema,
    embeddings_schema,
)
from gateway.refusals import InvalidRequest
from gateway.replies import EdgeReply, answer_reply
from gateway.serve import serve
from gateway.strict_json import join_fields
from gateway.types import JSON, InferenceRequest
from gateway.views.base import InferenceView


class EmbeddingView(InferenceView):
    """Turns texts into vectors."""

    operation: ClassVar = "embeddings"

    def counted(self, asked: InferenceRequest) -> InferenceRequest:
        """Let the texts alone count as input, and not how they are wrapped."""
        asked.size = self.dialect.input_size(asked.body)
        return asked


class EmbeddingsView(EmbeddingView):
    """OpenAI's embeddings."""

    dialect: ClassVar = openai_embeddings

    @embeddings_schema
    async def post(self, request: Request) -> EdgeReply:
        return await self.answer(self.counted(self.asked(self.read_body())))


class BatchEmbedContentsView(EmbeddingView):
    """Gemini's embeddings of many texts."""

    dialect: ClassVar = gemini_embeddings

    @batch_embed_schema
    async def post(self, request: Request, model: str) -> EdgeReply:
        asked = self.counted(self.asked(self.read_body()))
        asked.model = model.removeprefix("models/")
        return await self.answer(asked)


class BatchEmbedContentsV1View(BatchEmbedContentsView):
    """The same at the path that newer clients use."""

    @batch_embed_v1_schema
    async def post(self, request: Request, model: str) -> EdgeReply:
        reply: EdgeReply = await super().post(request, model)
        return reply


class EmbedContentView(EmbeddingView):
    """Gemini's embedding of one text, asked for as a batch of one."""

    dialect: ClassVar = gemini_embeddings

    @embed_schema
    async def post(self, request: Request, model: str) -> EdgeReply:
        body = self.read_object()
        try:
            gemini_embeddings.check_one(body)
        except gemini_embeddings.Malformed as error:
            raise InvalidRequest(str(error), param=error.param) from error
        asked = self.counted(_as_batch(self.asked(body)))
        asked.model = model.removeprefix("models/")
        return await self.answer(asked)

    async def answer(self, asked: InferenceRequest) -> EdgeReply:
        edge, dialect = self.edge, self.dialect
        outcome = await serve(asked, edge.key, edge.request_id, dialect, edge.gateway)
        answer = outcome.answer
        if answer.reply is not None:
            single = gemini_embeddings.only_one(answer.reply.body)
            answer.reply = msgspec.structs.replace(answer.reply, body=single)
        return answer_reply(outcome, dialect.CONTENT_TYPE, edge.began)


class EmbedContentV1View(EmbedContentView):
    """The same at the path that newer clients use."""

    @embed_v1_schema
    async def post(self, request: Request, model: str) -> EdgeReply:
        reply: EdgeReply = await super().post(request, model)
        return reply


def _as_batch(asked: InferenceRequest) -> InferenceRequest:
    request: JSON = {n: v for n, v in asked.body.items() if n not in CONTROLS}
    fields = {n: v for n, v in asked.fields.items() if n not in CONTROLS}
    asked.body = {"requests": [request]}
    asked.fields = {"requests": b"[" + join_fields(fields) + b"]"}
    return asked
