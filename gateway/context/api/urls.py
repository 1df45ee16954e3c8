from django.urls import path

from gateway.context.api.views import (
    EntriesView,
    EntryView,
    PreviewView,
    ScopesView,
    UserView,
)

urlpatterns = [
    path("api/context/entries", EntriesView.as_view()),
    path("api/context/entries/<uuid:entry_id>", EntryView.as_view()),
    path("api/context/users/<path:external_id>", UserView.as_view()),
    path("api/context/scopes", ScopesView.as_view()),
    path("api/context/preview", PreviewView.as_view()),
]
