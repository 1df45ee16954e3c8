"""The inference routes. The edge resolves them; Django's handler never sees them."""

from django.urls import URLPattern, URLResolver, include, path, register_converter

from gateway.views.chat import ChatCompletionsView, CountTokensView, MessagesView
from gateway.views.models import (
    GeminiMethodView,
    GeminiModelsView,
    GeminiModelView,
    ModelsView,
    ModelView,
)


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
    *_models,
]

_anthropic: list[URLPattern | URLResolver] = [
    path("v1/messages", MessagesView.as_view()),
    path("v1/messages/count_tokens", CountTokensView.as_view()),
    *_models,
]

# Before `_models`: newer clients of Gemini use the path that all dialects share.
_gemini: list[URLPattern | URLResolver] = [
    path("v1/models/<method:target>", GeminiMethodView.as_view()),
    path("v1beta/models", GeminiModelsView.as_view()),
    path("v1beta/models/<path:target>", GeminiModelView.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *_gemini,
    *_anthropic[:2],
    *_openai,
    # For clients whose paths collide with those of other dialects.
    path("openai/", include(_openai)),
    path("anthropic/", include(_anthropic)),
    path("gemini/", include([*_gemini, *_models])),
]
