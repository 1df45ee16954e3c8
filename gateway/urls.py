"""The inference routes. The edge resolves them; Django's handler never sees them."""

from django.urls import URLPattern, URLResolver, include, path

from gateway.views.chat import ChatCompletionsView
from gateway.views.models import ModelsView, ModelView

_openai: list[URLPattern | URLResolver] = [
    path("v1/chat/completions", ChatCompletionsView.as_view()),
    path("v1/models", ModelsView.as_view()),
    path("v1/models/<path:model>", ModelView.as_view()),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *_openai,
    # For clients whose paths collide with those of other dialects.
    path("openai/", include(_openai)),
]
