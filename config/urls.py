"""Every route of the product. Inference routes stand in gateway.urls as well."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from gateway.admin.explain import explain_page
from gateway.openapi.views import docs_page, schema_view

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/explain/", admin.site.admin_view(explain_page), name="explain"),
    path("admin/", include("tenants.sign_in.urls")),
    path("admin/", admin.site.urls),
    path("api/schema/", schema_view, name="schema"),
    path("api/docs/", docs_page, name="docs"),
    path("api/control/v1/", include("gateway.control.urls")),
    path("", include("gateway.end_users.urls")),
    path("", include("workflows.urls")),
    path("", include("gateway.urls")),
]
