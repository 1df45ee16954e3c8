"""POST /v1/chat/completions."""

from typing import ClassVar

from rest_framework.request import Request

from gateway.controls import attribution_in, models_in, preferences_in
from gateway.dialects import openai_chat
from gateway.errors import InvalidRequest
from gateway.openapi.chat import chat_schema
from gateway.replies import EdgeReply, answer_reply
from gateway.serve import serve
from gateway.strict_json import InvalidJSON, fields_of, parse_object
from gateway.types import InferenceRequest
from gateway.views.base import EdgeRequest, InferenceView


class ChatCompletionsView(InferenceView):
    """Answers a conversation, whole or as a stream."""

    dialect: ClassVar = openai_chat
    operation: ClassVar = "chat"

    @chat_schema
    async def post(self, request: Request) -> EdgeReply:
        edge = self.edge
        asked = _parse(edge)
        outcome = await serve(
            asked, edge.key, edge.request_id, openai_chat, edge.gateway
        )
        content_type = (
            openai_chat.EVENT_STREAM if asked.stream else openai_chat.CONTENT_TYPE
        )
        return answer_reply(outcome, content_type, edge.began)


def _parse(edge: EdgeRequest) -> InferenceRequest:
    try:
        body = parse_object(edge.content)
        openai_chat.check_request(body)
    except InvalidJSON as error:
        raise InvalidRequest(str(error)) from error
    except openai_chat.Malformed as error:
        raise InvalidRequest(str(error), param=error.param) from error
    return InferenceRequest(
        operation="chat",
        dialect=openai_chat.NAME,
        model=body.get("model") or "",
        fields=fields_of(edge.content),
        size=len(edge.content),
        stream=body.get("stream") is True,
        wants_usage=openai_chat.wants_usage(body),
        max_output_tokens=openai_chat.max_output_tokens(body),
        models=models_in(body),
        preferences=preferences_in(body),
        attribution=attribution_in(edge.edge_headers),
        began=edge.began,
    )
