"""The inference routes. The edge resolves them; Django's handler sees analytics alone."""

from django.urls import URLPattern, URLResolver, include, path, register_converter

from gateway.analytics.views import AnalyticsView
from gateway.views.audio import SpeechView, TranscriptionsView
from gateway.views.chat import ChatCompletionsView, CountTokensView, MessagesView
from gateway.views.embeddings import (
    BatchEmbedContentsV1View,
    BatchEmbedContentsView,
    EmbedContentV1View,
    EmbedContentView,
    EmbeddingsView,
)
from gateway.views.explain import ExplainView
from gateway.views.images import ImagesView
from gateway.views.models import (
    GeminiMethodView,
    GeminiModelsView,
    GeminiModelView,
    ModelsView,
    ModelView,
)
from gateway.views.moderation import ModerationsView
from gateway.views.own import GenerateView, HealthView, ProvidersView, StreamView
from gateway.views.proxy import ProxyView
from gateway.views.rerank import RerankView
from gateway.views.responses import ResponsesView


class MethodOnModel:
    """A model and what to do with it, as Gemini writes it: `model:method`."""

    regex = r".+:(?:generateContent|streamGenerateContent|countTokens)"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(MethodOnModel, "method")

_models: list[URLPattern | URLResolver] = [
    path("v1/models", ModelsView.as_view()),
    path("v1/models/<path:model>", ModelView.as_view()),
]

_openai: list[URLPattern | URLResolver] = [
    path("v1/chat/completions", ChatCompletionsView.as_view()),
    path("v1/audio/speech", SpeechView.as_view()),
    path("v1/audio/transcriptions", TranscriptionsView.as_view()),
    path("v1/embeddings", EmbeddingsView.as_view()),
    path("v1/images/generations", ImagesView.as_view()),
    path("v1/moderations", ModerationsView.as_view()),
    path("v1/rerank", RerankView.as_view()),
    path("v1/responses", ResponsesView.as_view()),
    *_models,
]

_anthropic: list[URLPattern | URLResolver] = [
    path("v1/messages", MessagesView.as_view()),
    path("v1/messages/count_tokens", CountTokensView.as_view()),
    *_models,
]

# Before `_models`: newer clients of Gemini use the path that all dialects share.
_gemini: list[URLPattern | URLResolver] = [
    path("v1/models/<path:model>:embedContent", EmbedContentV1View.as_view()),
    path(
        "v1/models/<path:model>:batchEmbedContents", BatchEmbedContentsV1View.as_view()
    ),
    path("v1beta/models/<path:model>:embedContent", EmbedContentView.as_view()),
    path(
        "v1beta/models/<path:model>:batchEmbedContents",
        BatchEmbedContentsView.as_view(),
    ),
    path("v1/models/<method:target>", GeminiMethodView.as_view()),
    path("v1beta/models", GeminiModelsView.as_view()),
    path("v1beta/models/<path:target>", GeminiModelView.as_view()),
]

_own: list[URLPattern | URLResolver] = [
    path("api/ai/generate", GenerateView.as_view()),
    path("api/ai/stream", StreamView.as_view()),
    path("api/ai/providers", ProvidersView.as_view()),
    path("api/ai/health", HealthView.as_view()),
    path("api/ai/analytics", AnalyticsView.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/route/explain", ExplainView.as_view()),
    path("proxy/<slug:provider>/<path:path>", ProxyView.as_view()),
    *_own,
    *_gemini,
    *_anthropic[:2],
    *_openai,
    # For clients whose paths collide with those of other dialects.
    path("openai/", include(_openai)),
    path("anthropic/", include(_anthropic)),
    path("gemini/", include([*_gemini, *_models])),
]
