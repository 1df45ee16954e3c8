"""Pictures made from words."""

from typing import ClassVar

from rest_framework.request import Request

from gateway.dialects import openai_images
from gateway.openapi.images import images_schema
from gateway.replies import EdgeReply
from gateway.views.operations import OperationView


class ImagesView(OperationView):
    """OpenAI's image generations, whole or as a stream."""

    dialect: ClassVar = openai_images
    operation: ClassVar = "images"

    @images_schema
    async def post(self, request: Request) -> EdgeReply:
        return await self.answer_body()
