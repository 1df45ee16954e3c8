"""Conversations as OpenAI's Responses."""

from typing import ClassVar

import orjson
from rest_framework.request import Request

from gateway.dialects import openai_responses
from gateway.openapi.responses import responses_schema
from gateway.replies import EdgeReply
from gateway.views.chat import ChatView

_MARK = openai_responses.MARK.encode()


class ResponsesView(ChatView):
    """OpenAI's responses, of which none is kept."""

    dialect: ClassVar = openai_responses
    operation: ClassVar = "responses"

    @responses_schema
    async def post(self, request: Request) -> EdgeReply:
        body = self.read_body()
        asked = self.asked(body)
        items = body.get("input")
        if _MARK in asked.fields.get("input", b"") and isinstance(items, list):
            # Relayed, they would be refused; translated, they are read from the body.
            kept = openai_responses.without_ours(items)
            asked.fields["input"] = orjson.dumps(kept)
        return await self.answer(asked)
