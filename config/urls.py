"""Every route of the product. Inference routes stand in gateway.urls as well."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gateway.openapi.views import docs_page, schema_view

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/schema/", schema_view, name="schema"),
    path("api/docs/", docs_page, name="docs"),
    path("", include("gateway.urls")),
]
