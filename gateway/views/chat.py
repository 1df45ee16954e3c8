"""Conversations in every dialect: one story, told by the dialect's own words."""

from collections.abc import Awaitable
from typing import ClassVar

import orjson
from rest_framework.request import Request

from gateway.dialects import anthropic_messages, gemini_generate, openai_chat
from gateway.openapi.chat import (
    chat_schema,
    gemini_schema,
    messages_schema,
    tokens_schema,
)
from gateway.refusals import RouteNotFound
from gateway.replies import EdgeReply, plain_reply
from gateway.types import JSON
from gateway.upstream.array_streams import as_array
from gateway.views.base import InferenceView
from usage.tokens import estimate_tokens

_GENERATE = "generateContent"
_STREAM = "streamGenerateContent"
_COUNT = "countTokens"


class ChatView(InferenceView):
    """Answers a conversation, whole or as a stream."""

    operation: ClassVar = "chat"


class ChatCompletionsView(ChatView):
    """OpenAI's chat completions."""

    dialect: ClassVar = openai_chat

    @chat_schema
    def post(self, request: Request) -> Awaitable[EdgeReply]:
        return self.answer(self.asked(self.read_body()))


class MessagesView(ChatView):
    """Anthropic's messages."""

    dialect: ClassVar = anthropic_messages

    @classmethod
    def names_request(cls, request_id: str) -> JSON:
        return {"request_id": request_id}

    @messages_schema
    def post(self, request: Request) -> Awaitable[EdgeReply]:
        return self.answer(self.asked(self.read_body()))


class CountTokensView(InferenceView):
    """Anthropic's token count, estimated here: no provider is asked."""

    dialect: ClassVar = anthropic_messages
    operation: ClassVar = "count_tokens"

    @classmethod
    def names_request(cls, request_id: str) -> JSON:
        return {"request_id": request_id}

    @tokens_schema
    async def post(self, request: Request) -> EdgeReply:
        edge = self.edge
        self.read_object()
        counted = {"input_tokens": estimate_tokens(len(edge.content))}
        return plain_reply(
            200,
            anthropic_messages.CONTENT_TYPE,
            orjson.dumps(counted),
            {"x-request-id": edge.request_id},
        )


class GenerateContentView(ChatView):
    """Gemini's methods on a model, which the path names as `model:method`."""

    dialect: ClassVar = gemini_generate

    @gemini_schema
    async def post(self, request: Request, target: str) -> EdgeReply:
        edge = self.edge
        model, _, method = target.rpartition(":")
        model = model.removeprefix("models/")
        if method == _COUNT:
            self.read_object()
            return plain_reply(
                200,
                gemini_generate.CONTENT_TYPE,
                orjson.dumps({"totalTokens": estimate_tokens(len(edge.content))}),
                {"x-request-id": edge.request_id},
            )
        if method not in {_GENERATE, _STREAM}:
            msg = f"There is no method {method!r}; there are {_GENERATE} and {_STREAM}."
            raise RouteNotFound(msg)
        asked = self.asked(self.read_body())
        asked.model = model
        asked.stream = method == _STREAM
        asked.wants_usage = True
        reply = await self.answer(asked)
        if asked.stream and b"alt=sse" not in edge.scope["query_string"]:
            return as_array(reply)
        return reply
