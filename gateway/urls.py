"""The inference routes. The edge resolves them; Django's handler never sees them."""

from django.urls import URLPattern, URLResolver, include, path

from gateway.views.chat import (
    ChatCompletionsView,
    CountTokensView,
    GenerateContentView,
    MessagesView,
)
from gateway.views.models import ModelsView, ModelView

_openai: list[URLPattern | URLResolver] = [
    path("v1/chat/completions", ChatCompletionsView.as_view()),
    path("v1/models", ModelsView.as_view()),
    path("v1/models/<path:model>", ModelView.as_view()),
]

_anthropic: list[URLPattern | URLResolver] = [
    path("v1/messages", MessagesView.as_view()),
    path("v1/messages/count_tokens", CountTokensView.as_view()),
]

_gemini: list[URLPattern | URLResolver] = [
    path("v1beta/models/<path:target>", GenerateContentView.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *_openai,
    *_anthropic,
    *_gemini,
    # For clients whose paths collide with those of other dialects.
    path("openai/", include(_openai)),
    path("anthropic/", include(_anthropic)),
    path("gemini/", include(_gemini)),
]
