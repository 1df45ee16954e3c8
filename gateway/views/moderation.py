"""What a text or picture holds that it should not."""

from typing import ClassVar

from rest_framework.request import Request

from gateway.dialects import openai_moderation
from gateway.openapi.moderation import moderation_schema
from gateway.replies import EdgeReply
from gateway.views.operations import OperationView


class ModerationsView(OperationView):
    """OpenAI's moderations."""

    dialect: ClassVar = openai_moderation
    operation: ClassVar = "moderation"

    @moderation_schema
    async def post(self, request: Request) -> EdgeReply:
        return await self.answer_body()
