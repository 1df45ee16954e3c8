"""Sound: texts spoken, and what was spoken as text."""

from typing import ClassVar

from rest_framework.request import Request

from gateway.controls import (
    attribution_in,
    max_cost_in,
    models_in,
    preferences_in,
)
from gateway.dialects import openai_speech, openai_transcription
from gateway.forms import form_in
from gateway.openapi.audio import speech_schema, transcription_schema
from gateway.refusals import InvalidRequest
from gateway.replies import EdgeReply
from gateway.types import JSON, InferenceRequest
from gateway.views.base import InferenceView


class SpeechView(InferenceView):
    """OpenAI's speech: JSON in, a sound out."""

    dialect: ClassVar = openai_speech
    operation: ClassVar = "speech"

    @speech_schema
    async def post(self, request: Request) -> EdgeReply:
        asked = self.asked(self.read_body())
        asked.units = openai_speech.units(asked.body)
        # The text alone counts as input, and not how it is wrapped.
        asked.size = len(asked.body["input"].encode("utf-8", "replace"))
        return await self.answer(asked)


class TranscriptionsView(InferenceView):
    """OpenAI's transcriptions: a form in, JSON, text or events out."""

    dialect: ClassVar = openai_transcription
    operation: ClassVar = "transcription"

    @transcription_schema
    async def post(self, request: Request) -> EdgeReply:
        edge = self.edge
        content_type = edge.edge_headers.get(b"content-type", b"")
        body = await form_in(edge.content, content_type)
        try:
            openai_transcription.check_request(body)
        except openai_transcription.Malformed as error:
            raise InvalidRequest(str(error), param=error.param) from error
        return await self.answer(self._asked(body, content_type))

    def _asked(self, body: JSON, content_type: bytes) -> InferenceRequest:
        edge = self.edge
        return InferenceRequest(
            operation=self.operation,
            dialect=openai_transcription.NAME,
            model=body.get("model") or "",
            fields={},
            size=openai_transcription.size_as_text(body),
            stream=openai_transcription.wants_stream(body),
            wants_usage=openai_transcription.wants_usage(body),
            models=models_in(body),
            preferences=preferences_in(body),
            attribution=attribution_in(edge.edge_headers),
            began=edge.began,
            body=body,
            content=edge.content,
            content_type=content_type,
            units=openai_transcription.units(body),
            strict_params=edge.key.project.strict_params,
            max_cost_usd=max_cost_in(edge.edge_headers),
            trace=edge.trace,
        )
