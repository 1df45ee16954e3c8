"""Conversations in every dialect: one story, told by the dialect's own words."""

from types import ModuleType
from typing import ClassVar

import orjson
from rest_framework.request import Request

from gateway.controls import attribution_in, models_in, preferences_in
from gateway.dialects import anthropic_messages, gemini_generate, openai_chat
from gateway.errors import InvalidRequest, RouteNotFound
from gateway.openapi.chat import (
    chat_schema,
    gemini_schema,
    messages_schema,
    tokens_schema,
)
from gateway.replies import EdgeReply, answer_reply, plain_reply
from gateway.serve import serve
from gateway.strict_json import InvalidJSON, fields_of, parse_object
from gateway.types import JSON, InferenceRequest
from gateway.views.base import EdgeRequest, InferenceView
from usage.tokens import estimate_tokens

_GENERATE = "generateContent"
_STREAM = "streamGenerateContent"
_COUNT = "countTokens"


class ChatView(InferenceView):
    """Answers a conversation, whole or as a stream."""

    operation: ClassVar = "chat"

    async def answer(self, asked: InferenceRequest) -> EdgeReply:
        edge, dialect = self.edge, self.dialect
        outcome = await serve(asked, edge.key, edge.request_id, dialect, edge.gateway)
        content_type = dialect.EVENT_STREAM if asked.stream else dialect.CONTENT_TYPE
        return answer_reply(outcome, content_type, edge.began)


class ChatCompletionsView(ChatView):
    """OpenAI's chat completions."""

    dialect: ClassVar = openai_chat

    @chat_schema
    async def post(self, request: Request) -> EdgeReply:
        body = _body(self.edge, openai_chat)
        return await self.answer(_asked(self.edge, openai_chat, body))


class MessagesView(ChatView):
    """Anthropic's messages."""

    dialect: ClassVar = anthropic_messages

    @messages_schema
    async def post(self, request: Request) -> EdgeReply:
        body = _body(self.edge, anthropic_messages)
        return await self.answer(_asked(self.edge, anthropic_messages, body))


class CountTokensView(InferenceView):
    """Anthropic's token count, estimated here: no provider is asked."""

    dialect: ClassVar = anthropic_messages
    operation: ClassVar = "count_tokens"

    @tokens_schema
    async def post(self, request: Request) -> EdgeReply:
        edge = self.edge
        _object(edge)
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
            _object(edge)
            return plain_reply(
                200,
                gemini_generate.CONTENT_TYPE,
                orjson.dumps({"totalTokens": estimate_tokens(len(edge.content))}),
                {"x-request-id": edge.request_id},
            )
        if method not in {_GENERATE, _STREAM}:
            msg = f"There is no method {method!r}; there are {_GENERATE} and {_STREAM}."
            raise RouteNotFound(msg)
        if method == _STREAM and b"alt=sse" not in edge.scope["query_string"]:
            msg = "Streams are server-sent events here: add ?alt=sse to the path."
            raise InvalidRequest(msg, param="alt")
        body = _body(edge, gemini_generate)
        asked = _asked(edge, gemini_generate, body)
        asked.model = model
        asked.stream = method == _STREAM
        asked.wants_usage = True
        return await self.answer(asked)


def _object(edge: EdgeRequest) -> JSON:
    try:
        return parse_object(edge.content)
    except InvalidJSON as error:
        raise InvalidRequest(str(error)) from error


def _body(edge: EdgeRequest, dialect: ModuleType) -> JSON:
    body = _object(edge)
    try:
        dialect.check_request(body)
    except dialect.Malformed as error:
        raise InvalidRequest(str(error), param=error.param) from error
    return body


def _asked(edge: EdgeRequest, dialect: ModuleType, body: JSON) -> InferenceRequest:
    return InferenceRequest(
        operation="chat",
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
    )
