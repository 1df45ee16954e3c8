"""Where a request of the playground can be sent: routes, their dialects, and samples."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from gateway.types import JSON
from gateway.views.audio import SpeechView
from gateway.views.base import InferenceView
from gateway.views.chat import (
    ChatCompletionsView,
    GenerateContentView,
    MessagesView,
)
from gateway.views.embeddings import EmbeddingsView
from gateway.views.images import ImagesView
from gateway.views.moderation import ModerationsView
from gateway.views.own import GenerateView, StreamView
from gateway.views.rerank import RerankView
from gateway.views.responses import ResponsesView

_HELLO = [{"role": "user", "content": "Say hello in three languages."}]
_BEARER = "authorization: Bearer {key}"


@dataclass(frozen=True, slots=True)
class Place:
    """A route. `stream_path` is where it streams, when the path and not the body says so.

    `{model}` in a path is where the model is named, which the body then does not do.
    """

    slug: str
    dialect: str
    name: str
    view: type[InferenceView]
    path: str
    sample: Mapping[str, Any]
    can_stream: bool = False
    stream_path: str = ""
    stream_view: type[InferenceView] | None = None
    key_header: str = _BEARER
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        return self.view.operation

    @property
    def names_model(self) -> bool:
        """Whether the model stands in the path."""
        return "{model}" in self.path

    @property
    def shown_sample(self) -> str:
        return json.dumps(self.sample, indent=2, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Composed:
    """A request as it is made: its route, what the route takes, and its body."""

    place: Place
    view: type[InferenceView]
    path: str
    query: str
    kwargs: Mapping[str, str]
    content: bytes
    explained: bytes
    model: str

    @property
    def address(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


_ALL = (
    Place(
        "openai-chat",
        "OpenAI",
        "Chat completions",
        ChatCompletionsView,
        "/v1/chat/completions",
        {"messages": _HELLO, "max_tokens": 300},
        can_stream=True,
    ),
    Place(
        "openai-responses",
        "OpenAI",
        "Responses",
        ResponsesView,
        "/v1/responses",
        {"input": "Say hello in three languages.", "max_output_tokens": 300},
        can_stream=True,
    ),
    Place(
        "openai-embeddings",
        "OpenAI",
        "Embeddings",
        EmbeddingsView,
        "/v1/embeddings",
        {"input": ["a red fox", "a blue whale"]},
    ),
    Place(
        "openai-moderation",
        "OpenAI",
        "Moderation",
        ModerationsView,
        "/v1/moderations",
        {"input": "A friendly sentence."},
    ),
    Place(
        "openai-images",
        "OpenAI",
        "Images",
        ImagesView,
        "/v1/images/generations",
        {"prompt": "A signal box beside a railway line", "n": 1},
    ),
    Place(
        "openai-speech",
        "OpenAI",
        "Speech",
        SpeechView,
        "/v1/audio/speech",
        {"input": "Mind the gap.", "voice": "alloy"},
    ),
    Place(
        "anthropic-messages",
        "Anthropic",
        "Messages",
        MessagesView,
        "/v1/messages",
        {"max_tokens": 300, "messages": _HELLO},
        can_stream=True,
        key_header="x-api-key: {key}",
        headers={"anthropic-version": "2023-06-01"},
    ),
    Place(
        "gemini-generate",
        "Gemini",
        "Generate content",
        GenerateContentView,
        "/v1beta/models/{model}:generateContent",
        {
            "contents": [
                {"role": "user", "parts": [{"text": "Say hello in three languages."}]}
            ],
            "generationConfig": {"maxOutputTokens": 300},
        },
        can_stream=True,
        stream_path="/v1beta/models/{model}:streamGenerateContent",
        key_header="x-goog-api-key: {key}",
    ),
    Place(
        "signalbox-generate",
        "Signalbox",
        "Generate",
        GenerateView,
        "/api/ai/generate",
        {
            "prompt": "Say hello in three languages.",
            "systemPrompt": "Answer briefly.",
            "maxTokens": 300,
        },
        can_stream=True,
        stream_path="/api/ai/stream",
        stream_view=StreamView,
    ),
    Place(
        "cohere-rerank",
        "Cohere",
        "Rerank",
        RerankView,
        "/v1/rerank",
        {
            "query": "Which animal lives in the sea?",
            "documents": ["a red fox", "a blue whale", "a barn owl"],
        },
    ),
)
PLACES: Mapping[str, Place] = {place.slug: place for place in _ALL}


def compose(place: Place, model: str, body: JSON, *, stream: bool) -> Composed:
    """Return the request that the body is sent as. An empty model leaves the body's own."""
    body = dict(body)
    streams = stream and place.can_stream
    if model and not place.names_model:
        body["model"] = model
    if place.can_stream and not place.stream_path:
        body["stream"] = streams
    path = place.stream_path if streams and place.stream_path else place.path
    view = place.stream_view if streams and place.stream_view else place.view
    kwargs, query = {}, ""
    if place.names_model:
        method = path.rpartition(":")[2]
        kwargs = {"target": f"{model}:{method}"}
        query = "alt=sse" if streams else ""
    explained = {**body, "operation": place.operation}
    if place.operation == "chat":
        explained["dialect"] = place.view.dialect.NAME
    if place.names_model:
        explained["model"] = model
    return Composed(
        place=place,
        view=view,
        path=path.replace("{model}", quote(model)),
        query=query,
        kwargs=kwargs,
        content=orjson.dumps(body),
        explained=orjson.dumps(explained),
        model=model or str(body.get("model") or ""),
    )
